import { Anchor } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Run } from "../api/client";
import { breaking } from "../ui/breaking";
import { type ExperimentNames, nameOf } from "./experimentNames";

/** Where a run of the queue belongs to. */
export function ExperimentLink({ run, names }: { run: Run; names: ExperimentNames }) {
  const name = nameOf(run.experiment_id, names);
  return (
    <Anchor
      size="sm"
      style={breaking(name)}
      component={Link}
      to="/experiments/$id"
      params={{ id: run.experiment_id } as never}
    >
      {name}
    </Anchor>
  );
}
