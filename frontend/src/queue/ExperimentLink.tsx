import { Anchor } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Run } from "../api/client";
import { type ExperimentNames, nameOf } from "./experimentNames";

/** Where a run of the queue belongs to. */
export function ExperimentLink({ run, names }: { run: Run; names: ExperimentNames }) {
  return (
    <Anchor
      size="sm"
      component={Link}
      to="/experiments/$id"
      params={{ id: run.experiment_id } as never}
    >
      {nameOf(run.experiment_id, names)}
    </Anchor>
  );
}
