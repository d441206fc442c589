/** The feed of changes: what it tells of is put into the kept answers, or these are read anew. */

import type { Query, QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { address } from "./address";
import { mayPass, opened, PATIENCE_MS, readAfter } from "./answer";
import { unknown } from "./credentials";
import { type Happening, isOutdated, type Kind } from "./dependence";
import { here, nobody, there, whenMoved } from "./presence";
import { type Change, patch } from "./progress";

/** Progress is gathered, so that hundreds of events do not draw the page hundreds of times. */
const GATHERED_MS = 100;
/** What runs do is read anew after a moment: changes come in bursts. What people do, at once. */
const MOMENT_MS = 200;
const SLOW_MS = 1500;
/** A stream that broke is opened again after a second, then after longer and longer. */
const AGAIN_MS = [1000, 2000, 4000, 8000];
/** Changes of a longer absence are not told one by one: everything is read anew. */
const ABSENCE_MS = 300_000;

type Event = Partial<Change> & { experiment: number; run: number; began?: boolean };
/** What the feed says first. */
interface Beginning {
  after: number;
  server: string;
  unread: number;
}
type Outdated = (query: Query) => boolean;

const ABOUT_RUNS = ["metric", "alignment", "report", "status"] as const;
const ABOUT_OTHERS = ["lanes", "experiment", "notes", "comments", "notices", "views"] as const;

let state: "following" | "away" = "following";
/** Notices that were not read when the feed began; null once there were others since. */
let unread: number | null = 0;
const watching = new Set<() => void>();

function becomes(now: typeof state, notices: typeof unread = unread): void {
  if (now === state && notices === unread) return;
  state = now;
  unread = notices;
  for (const tell of watching) tell();
}

function watch(tell: () => void): () => void {
  watching.add(tell);
  return () => watching.delete(tell);
}

/** Whether the server is there, as far as the feed knows. */
export function useServerIsThere(): boolean {
  return useSyncExternalStore(watch, () => state === "following");
}

/** How many notices one had not read when the page was opened; null where that has changed. */
export function useUnread(): number | null {
  return useSyncExternalStore(watch, () => unread);
}

/** Read anew what changes make outdated; what nobody looks at only when somebody does. */
export function changed(queries: QueryClient, ...since: Happening[]): Promise<void> {
  return readAnew(queries, ({ queryKey }) => since.some((each) => isOutdated(queryKey, each)));
}

/**
 * An answer that is on its way may be from before the change: it lands, since one that is slow would
 * else never be there while changes keep coming, and is then read once more.
 */
async function readAnew(queries: QueryClient, predicate: Outdated): Promise<void> {
  const underway = queries.getQueryCache().findAll({ fetchStatus: "fetching", predicate });
  const invalidate = (which: Outdated) =>
    queries.invalidateQueries({ predicate: which }, { cancelRefetch: false });
  const again = async (query: Query) => {
    await query.promise?.catch(() => {});
    await invalidate((each) => each === query);
  };
  const others = invalidate((each) => predicate(each) && !underway.includes(each));
  await Promise.all([others, ...underway.map(again)]);
}

/**
 * Follow the feed for as long as the page is seen; the returned function ends it. A hidden page
 * follows nothing and reads nothing, and is told what it missed when it is seen again.
 */
export function follow(queries: QueryClient): () => void {
  let source: EventSource | undefined;
  let after: number | undefined;
  let server: string | undefined;
  let failures = 0;
  let hiddenSince: number | undefined;
  let opening: ReturnType<typeof setTimeout> | undefined;
  let began = () => {};
  readAfter(new Promise((resolve) => (began = resolve)));
  /** Whether something may have been read already: requests wait for the feed no longer. */
  let letGo = false;
  void opened().then(() => (letGo = true));

  const reading = anew(queries);
  const gathered = new Map<number, Change>();
  let gathering: ReturnType<typeof setTimeout> | undefined;

  const progress = (event: Event) => {
    if (event.status === undefined) return;
    gathered.set(event.run, event as Change);
    gathering ??= setTimeout(() => {
      gathering = undefined;
      patch(queries, gathered);
      gathered.clear();
    }, GATHERED_MS);
  };

  const open = () => {
    const asked = Object.entries({ after, at: here() }).filter(([, each]) => each !== undefined);
    const query = asked.map(([name, each]) => `${name}=${each}`).join("&");
    source = new EventSource(address(`/api/changes${query && `?${query}`}`));
    const on = (name: string, handle: (event: Event) => void) =>
      source?.addEventListener(name, (message: MessageEvent<string>) => {
        if (message.lastEventId) after = Number(message.lastEventId);
        handle(JSON.parse(message.data) as Event);
      });
    source.addEventListener("following", (message: MessageEvent<string>) => {
      const said = JSON.parse(message.data) as Beginning;
      // It tells of what comes from now on: of what was between a read and now, nobody did.
      if (after === undefined && letGo) reading.soon(() => true, 0);
      after = said.after;
      // Another process may be another release, with other methods.
      if (server !== undefined && server !== said.server) reading.soon(() => true, 0);
      server = said.server;
      failures = 0;
      began();
      becomes("following", said.unread);
      reading.soon(failed, 0);
    });
    on("progress", (event) => {
      progress(event);
      if (event.began) reading.since("phase", event, MOMENT_MS);
    });
    for (const kind of ABOUT_RUNS) {
      on(kind, (event) => {
        progress(event);
        reading.since(kind, event, kind === "status" ? MOMENT_MS : SLOW_MS);
      });
    }
    for (const kind of ABOUT_OTHERS) on(kind, (event) => reading.since(kind, event, 0));
    on("notices", () => becomes(state, null));
    on("reset", () => reading.soon(() => true, 0));
    source.addEventListener("presence", (message: MessageEvent<string>) =>
      there(JSON.parse(message.data)),
    );
    source.addEventListener("signed-out", unknown);
    // The browser gives up after an answer that is no stream, such as 503: it is done here.
    source.onerror = () => {
      source?.close();
      nobody();
      began();
      if (failures > 0) {
        // It does not say why it does not begin.
        unknown();
        becomes("away");
      }
      opening = setTimeout(open, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
    };
  };

  const seen = () => {
    clearTimeout(opening);
    source?.close();
    nobody();
    if (document.hidden) {
      hiddenSince ??= performance.now();
      return;
    }
    if (hiddenSince !== undefined && performance.now() - hiddenSince > ABSENCE_MS) {
      after = undefined;
      // With the feed, or without it where it does not begin for a while.
      reading.soon(() => true, PATIENCE_MS);
    } else reading.goOn();
    hiddenSince = undefined;
    open();
  };
  document.addEventListener("visibilitychange", seen);
  // The same feed goes on from where it is, and says where the page is now.
  const still = whenMoved(() => {
    if (document.hidden) return;
    clearTimeout(opening);
    source?.close();
    open();
  });
  if (document.hidden) began();
  seen();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    still();
    nobody();
    clearTimeout(opening);
    clearTimeout(gathering);
    reading.stop();
    source?.close();
  };
}

/** A query that did not reach the server, which is there again. */
function failed({ state: { error } }: Query): boolean {
  return error !== null && mayPass(error);
}

/** Gathers what is outdated, and has it read anew at most every 1.5 s. */
function anew(queries: QueryClient) {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let due = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  let outdated: Outdated[] = [];
  const happened = new Set<string>();
  const read = () => {
    waiting = undefined;
    due = Number.POSITIVE_INFINITY;
    if (document.hidden) return; // until somebody looks
    last = performance.now();
    const since = outdated;
    outdated = [];
    happened.clear();
    void readAnew(queries, (query) => since.some((each) => each(query)));
  };
  const soon = (each: Outdated, ms: number) => {
    outdated.push(each);
    const at = Math.max(performance.now() + ms, last + SLOW_MS);
    if (at >= due) return;
    due = at;
    clearTimeout(waiting);
    waiting = setTimeout(read, at - performance.now());
  };
  const since = (kind: Kind, { experiment, run }: Event, ms: number) => {
    const name = `${kind} ${experiment} ${run}`;
    if (happened.has(name)) return;
    happened.add(name);
    soon(({ queryKey }) => isOutdated(queryKey, { kind, experiment, run }), ms);
  };
  const goOn = () => {
    if (outdated.length > 0) soon(() => false, 0);
  };
  return { since, soon, goOn, stop: () => clearTimeout(waiting) };
}
