import { Anchor } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Run, Schemas } from "../api/client";
import { rate } from "../ui/format";

export type Names = Schemas["QueueOut"]["experiments"];

export function describe(run: Run): string {
  const rank = run.rank === null ? "" : `, r ${run.rank}`;
  return `${run.label}${rank}, lr ${rate(run.learning_rate)}, seed ${run.seed}`;
}

export function ExperimentLink({ run, experiments }: { run: Run; experiments: Names }) {
  return (
    <Anchor
      size="sm"
      component={Link}
      to="/experiments/$id"
      params={{ id: run.experiment_id } as never}
    >
      {experiments[run.experiment_id] ?? `Experiment ${run.experiment_id}`}
    </Anchor>
  );
}
