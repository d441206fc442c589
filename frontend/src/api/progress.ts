/** Progress of runs goes straight into the answers that hold them. */

import type { QueryClient } from "@tanstack/react-query";
import type { ExperimentDetail, Run, Schemas } from "./client";

/** One change of a run as the feed sends it. */
export interface Change {
  run: number;
  experiment: number;
  status: Run["status"];
  phase: string | null;
  done: number;
  total: number;
  lane: string | null;
}

type Changes = ReadonlyMap<number, Change>;

/** Put changes into every cached answer that holds their runs. */
export function patch(queries: QueryClient, changes: Changes): void {
  queries.setQueriesData<Schemas["QueueOut"]>(
    { predicate: ({ queryKey }) => queryKey[1] === "/api/queue" },
    (old) =>
      old && {
        ...old,
        lanes: old.lanes.map((lane) => ({ ...lane, run: lane.run && merged(lane.run, changes) })),
      },
  );
  queries.setQueriesData<ExperimentDetail | Schemas["BasketOut"]>(
    { predicate: ({ queryKey }) => WITH_RUNS.includes(String(queryKey[1])) },
    (old) => {
      if (!old?.runs.some(({ id }) => changes.has(id))) return old;
      return { ...old, runs: old.runs.map((run) => merged(run, changes)) };
    },
  );
}

const WITH_RUNS = ["/api/experiments/{experiment_id}", "/api/basket"];

/** The run with its change in it, or the same object where there is none of it. */
export function merged(run: Run, changes: Changes): Run {
  const change = changes.get(run.id);
  if (!change) return run;
  const { status, phase, done, total, lane } = change;
  return { ...run, status, phase, done, total, lane };
}
