import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { opened } from "./answer";
import { changed, follow, useUnread } from "./live";

/** The feed as a test plays it: jsdom has no streams of events. */
class Feed extends EventTarget {
  static all: Feed[] = [];
  onerror = () => {};
  close = vi.fn();
  constructor(readonly url: string) {
    super();
    Feed.all.push(this);
  }
  tells(kind: string, data: object): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }));
  }
  begins(after = 10): void {
    this.tells("following", { after, server: "a", unread: 0 });
  }
  static get last(): Feed {
    return Feed.all[Feed.all.length - 1] as Feed;
  }
}

const KEY = ["get", "/api/experiments/{experiment_id}", { params: { path: { experiment_id: 3 } } }];
const STATUS = { experiment: 3, run: 31 };
let hidden = false;
let ends: (() => void)[] = [];

function shows(seen: boolean): void {
  hidden = !seen;
  document.dispatchEvent(new Event("visibilitychange"));
}

/** What one page shows: each read is answered with how the server was when it was asked. */
function page() {
  const queries = new QueryClient();
  const asked: ((how?: "fails") => void)[] = [];
  let now = "before";
  const queryFn = () => {
    const then = now;
    return new Promise<string>((resolve, reject) =>
      asked.push((how) => (how ? reject(new Error(how)) : resolve(then))),
    );
  };
  const observer = new QueryObserver(queries, { queryKey: KEY, queryFn, retry: false });
  ends.push(observer.subscribe(() => {}));
  const answers = async (how?: "fails") => {
    asked.shift()?.(how);
    await vi.advanceTimersByTimeAsync(0);
  };
  const becomes = (other: string) => {
    now = other;
  };
  return { queries, asked, answers, becomes, shown: () => queries.getQueryData(KEY) };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", Feed);
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
});

afterEach(() => {
  for (const end of ends) end();
  ends = [];
  hidden = false;
  Feed.all = [];
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("the feed says how many notices one has not read, until there are others", () => {
  const { result } = renderHook(() => useUnread());
  expect(result.current).toBe(0);
  act(() => {
    ends.push(follow(new QueryClient()));
    Feed.last.tells("following", { after: 10, server: "a", unread: 4 });
  });
  expect(result.current).toBe(4);
  act(() => Feed.last.tells("notices", { experiment: 0, run: 0 }));
  expect(result.current).toBeNull();
});

test("a feed that begins before anything is read has nothing read anew", async () => {
  const { queries, asked, answers } = page();
  ends.push(follow(queries));
  Feed.last.begins();
  await answers();
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toHaveLength(0);
});

test.each([
  ["opened in the background", () => shows(false), async () => shows(true)],
  [
    "hidden before the feed began",
    () => {},
    async () => {
      shows(false);
      await vi.advanceTimersByTimeAsync(10_000);
      shows(true);
    },
  ],
  [
    "whose first connection failed",
    () => {},
    async () => {
      Feed.last.onerror();
      await vi.advanceTimersByTimeAsync(1000);
    },
  ],
  ["whose feed was slow to begin", () => {}, () => vi.advanceTimersByTimeAsync(700)],
])("a page %s reads anew, once, what it read without a feed", async (_, before, until) => {
  before();
  const { queries, asked, answers, becomes, shown } = page();
  ends.push(follow(queries));
  await vi.advanceTimersByTimeAsync(0);
  await answers();
  becomes("after");
  await until();
  await opened();
  expect(Feed.last.url).toBe("/api/changes");
  Feed.last.begins();
  await vi.advanceTimersByTimeAsync(10);
  expect(asked).toHaveLength(1);
  await answers();
  expect(shown()).toBe("after");
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toHaveLength(0);
});

test("after a long absence everything is read once, when the feed tells of what comes next", async () => {
  const { queries, asked, answers } = page();
  ends.push(follow(queries));
  Feed.last.begins();
  await answers();
  shows(false);
  await vi.advanceTimersByTimeAsync(400_000);
  shows(true);
  await vi.advanceTimersByTimeAsync(50);
  expect(asked).toHaveLength(0);
  Feed.last.begins(90);
  await vi.advanceTimersByTimeAsync(10);
  expect(asked).toHaveLength(1);
  await answers();
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toHaveLength(0);
});

test("after a long absence everything is read though no feed is to be had", async () => {
  const { queries, asked, answers } = page();
  ends.push(follow(queries));
  Feed.last.begins();
  await answers();
  shows(false);
  await vi.advanceTimersByTimeAsync(400_000);
  shows(true);
  await vi.advanceTimersByTimeAsync(900);
  expect(asked).toHaveLength(1);
});

test("a change during the first read of an answer has it read again", async () => {
  const { queries, asked, answers, becomes, shown } = page();
  ends.push(follow(queries));
  Feed.last.begins();
  becomes("after");
  Feed.last.tells("status", STATUS);
  await vi.advanceTimersByTimeAsync(500);
  await answers();
  expect(asked).toHaveLength(1);
  await answers();
  expect(shown()).toBe("after");
  expect(asked).toHaveLength(0);
});

test("a change during a first read that fails has it read again", async () => {
  const { queries, answers, becomes, shown } = page();
  ends.push(follow(queries));
  Feed.last.begins();
  becomes("after");
  Feed.last.tells("status", STATUS);
  await vi.advanceTimersByTimeAsync(500);
  await answers("fails");
  await answers();
  expect(shown()).toBe("after");
});

test("a slow answer lands while events keep coming, and the last of them is in the end in it", async () => {
  const { queries, asked, answers, becomes, shown } = page();
  ends.push(follow(queries));
  Feed.last.begins();
  await answers();
  for (const value of ["first", "second", "third"]) {
    becomes(value);
    Feed.last.tells("status", STATUS);
    await vi.advanceTimersByTimeAsync(2000);
  }
  // One read is under way, and none of the three was given up.
  expect(asked).toHaveLength(1);
  await answers();
  expect(shown()).toBe("first");
  expect(asked).toHaveLength(1);
  await answers();
  expect(shown()).toBe("third");
  expect(asked).toHaveLength(0);
});

test("what a user changed during a first read is settled when the answer has it", async () => {
  const { queries, answers, becomes, shown } = page();
  becomes("after");
  const settled = changed(queries, { kind: "experiment", experiment: 3, run: 0 });
  await answers();
  await answers();
  await settled;
  expect(shown()).toBe("after");
  expect(queries.getQueryState(KEY)?.isInvalidated).toBe(false);
});

test("a change while an answer is on its way to a page that is left stays known", async () => {
  const { queries, answers } = page();
  ends.push(follow(queries));
  Feed.last.begins();
  Feed.last.tells("status", STATUS);
  await vi.advanceTimersByTimeAsync(500);
  ends.shift()?.();
  await answers();
  expect(queries.getQueryState(KEY)?.isInvalidated).toBe(true);
});
