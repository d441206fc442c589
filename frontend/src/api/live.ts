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
const GATHERED_MS = 100;

/**
 * Follow the feed of changes: progress goes into the cached runs, gathered over a tenth of a second
 * so that hundreds of events do not draw the page hundreds of times; everything else is read anew,
 * at most every 1.5 s.
 */
export function useLive(): void {
  const queries = useQueryClient();
  const reading = useRef<ReturnType<typeof setTimeout>>(undefined);
  const gathering = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    const source = new EventSource("/api/changes");
    // The last change of a run is all that there is to show of it.
    const gathered = new Map<number, Change>();
    let lastRead = Number.NEGATIVE_INFINITY;
    const happened = new Set<Happening>();
    const readAnew = (ms: number, happening: Happening) => {
      happened.add(happening);
      const wait = Math.max(ms, lastRead + SLOW_MS - performance.now());
      reading.current ??= setTimeout(() => {
        reading.current = undefined;
        lastRead = performance.now();
        const since = [...happened];
        happened.clear();
        void queries.invalidateQueries({
          predicate: ({ queryKey }) => since.some((each) => isOutdated(queryKey, each)),
        });
      }, wait);
    };
    const progress = (event: MessageEvent<string>) => {
      const change = JSON.parse(event.data) as Change;
      gathered.set(change.run, change);
      gathering.current ??= setTimeout(() => {
        gathering.current = undefined;
        patch(queries, gathered);
        gathered.clear();
      }, GATHERED_MS);
    };
    source.addEventListener("progress", progress);
    source.addEventListener("metric", (event) => {
      progress(event);
      readAnew(SLOW_MS, "measured");
    });
    source.addEventListener("status", (event) => {
      progress(event);
      readAnew(200, "ended");
    });
    source.addEventListener("lanes", () => readAnew(200, "ended"));
    source.addEventListener("reset", () => readAnew(0, "ended"));
    let opened = false;
    source.onopen = () => {
      readAnew(0, opened ? "connected again" : "ended");
      opened = true;
    };
    return () => {
      clearTimeout(reading.current);
      clearTimeout(gathering.current);
      reading.current = gathering.current = undefined;
      source.close();
    };
  }, [queries]);
}

/** What the feed tells of: a number of a run, the end of one (or lanes), or a server anew. */
type Happening = "measured" | "ended" | "connected again";

/** Answers that no run changes. */
const STATIC = ["/api/catalog", "/api/markdown", "/api/views"];
/** Answers that finished runs change: estimates are corrected by what those took. */
const OF_FINISHED = ["/api/plan"];

/** Whether a cached answer may be another one since then. */
export function isOutdated(key: readonly unknown[], by: Happening): boolean {
  if (by === "connected again") return true; // it may be another release, with other plug-ins
  const path = String(key[1]);
  return !STATIC.includes(path) && (by === "ended" || !OF_FINISHED.includes(path));
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
