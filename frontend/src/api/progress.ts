/** Progress of runs goes straight into the answers that hold them. */

import { notifyManager, type QueryClient } from "@tanstack/react-query";
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

type Queue = Schemas["QueueOut"];
type WithRuns = ExperimentDetail | Schemas["BasketOut"];

/**
 * Put changes into every cached answer that holds their runs, and into no other. Its data alone is
 * written: `setQueryData` would say that all of the answer is fresh, and was read without an error.
 */
export function patch(queries: QueryClient, changes: Changes): void {
  notifyManager.batch(() => {
    for (const query of queries.getQueryCache().getAll()) {
      const put = PUT[String(query.queryKey[1])];
      const old: unknown = query.state.data;
      const data = old && put?.(old as never, changes);
      if (data) query.setState({ data });
    }
  });
}

/** An answer with the changes in it, by its path; nothing where it holds none of their runs. */
const PUT: Record<string, (old: never, changes: Changes) => object | undefined> = {
  "/api/queue": (old: Queue, changes) =>
    old.lanes.some(({ run }) => run && changes.has(run.id))
      ? {
          ...old,
          lanes: old.lanes.map((lane) => ({ ...lane, run: lane.run && merged(lane.run, changes) })),
        }
      : undefined,
  "/api/experiments/{experiment_id}": inRuns,
  "/api/basket": inRuns,
};

function inRuns(old: WithRuns, changes: Changes): WithRuns | undefined {
  if (!old.runs.some(({ id }) => changes.has(id))) return undefined;
  return { ...old, runs: old.runs.map((run) => merged(run, changes)) };
}

/** The run with its change in it, or the same object where there is none of it. */
export function merged(run: Run, changes: Changes): Run {
  const change = changes.get(run.id);
  if (!change) return run;
  const { status, phase, done, total, lane } = change;
  return { ...run, status, phase, done, total, lane };
}
