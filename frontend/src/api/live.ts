import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
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

const SLOW_MS = 1500;

/**
 * Follow the feed of changes: progress goes straight into the cached runs, everything else is read
 * anew, at most every 1.5 s, so that bursts of events do not make the page flicker.
 */
export function useLive(): void {
  const queries = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    const source = new EventSource("/api/changes");
    const later = (ms: number) => {
      timer.current ??= setTimeout(() => {
        timer.current = undefined;
        void queries.invalidateQueries({ predicate: ({ queryKey }) => !isStatic(queryKey) });
      }, ms);
    };
    const progress = (event: MessageEvent<string>) => patch(queries, JSON.parse(event.data));
    source.addEventListener("progress", progress);
    source.addEventListener("metric", (event) => {
      progress(event);
      later(SLOW_MS);
    });
    source.addEventListener("status", (event) => {
      progress(event);
      later(200);
    });
    source.addEventListener("reset", () => later(0));
    source.onopen = () => later(0);
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
      source.close();
    };
  }, [queries]);
}

/** Answers that no run changes. */
const STATIC = ["/api/catalog", "/api/plan", "/api/markdown", "/api/views"];

function isStatic(key: readonly unknown[]): boolean {
  return STATIC.includes(String(key[1]));
}

/** Put a change into every cached answer that holds the run. */
export function patch(queries: QueryClient, change: Change): void {
  queries.setQueriesData<Schemas["QueueOut"]>(
    { predicate: ({ queryKey }) => queryKey[1] === "/api/queue" },
    (old) =>
      old && {
        ...old,
        lanes: old.lanes.map((lane) => ({ ...lane, run: lane.run && merged(lane.run, change) })),
      },
  );
  queries.setQueriesData<ExperimentDetail>(
    { predicate: ({ queryKey }) => queryKey[1] === "/api/experiments/{experiment_id}" },
    (old) => old && { ...old, runs: old.runs.map((run) => merged(run, change)) },
  );
}

/** The run with the change in it, or the same object where the change is about another run. */
export function merged(run: Run, change: Change): Run {
  if (run.id !== change.run) return run;
  const { status, phase, done, total, lane } = change;
  return { ...run, status, phase, done, total, lane };
}
