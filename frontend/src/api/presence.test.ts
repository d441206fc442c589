import { QueryClient } from "@tanstack/react-query";
import { renderHook } from "@testing-library/react";
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow } from "./live";
import { experimentOf, goTo, useLooking } from "./presence";

class Feed extends EventTarget {
  static all: Feed[] = [];
  onerror = () => {};
  closed = false;
  constructor(readonly url: string) {
    super();
    Feed.all.push(this);
  }
  close() {
    this.closed = true;
  }
  says(name: string, data: unknown) {
    act(() => {
      this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
    });
  }
}

const ANA = { id: 1, name: "Ana", colour: "#175cd3" };
let end = () => {};

beforeEach(() => {
  Feed.all = [];
  vi.stubGlobal("EventSource", Feed);
  goTo(undefined);
  end = follow(new QueryClient());
});

afterEach(() => {
  end();
  vi.unstubAllGlobals();
});

test("the feed goes on from where it is when another experiment is looked at, and says which", () => {
  expect(Feed.all.map(({ url }) => url)).toEqual(["/api/changes"]);
  Feed.all[0]?.says("following", { after: 7, server: "a" });
  goTo(12);
  goTo(12);
  expect(Feed.all.map(({ url }) => url)).toEqual(["/api/changes", "/api/changes?after=7&at=12"]);
  expect(Feed.all[0]?.closed).toBe(true);
});

test("who is there is shown until the page is elsewhere, or the feed breaks", () => {
  const { result } = renderHook(useLooking);
  goTo(12);
  Feed.all.at(-1)?.says("presence", { experiment: 12, people: [ANA] });
  expect(result.current).toEqual([ANA]);
  act(() => goTo(13));
  expect(result.current).toEqual([]);
  Feed.all.at(-1)?.says("presence", { experiment: 12, people: [ANA] });
  expect(result.current).toEqual([]);
  Feed.all.at(-1)?.says("presence", { experiment: 13, people: [ANA] });
  act(() => Feed.all.at(-1)?.onerror());
  expect(result.current).toEqual([]);
});

test("an experiment's own page is a place, and no other", () => {
  expect(experimentOf("/experiments/12")).toBe(12);
  expect(experimentOf("/lora/experiments/12")).toBe(12);
  expect(experimentOf("/history")).toBeUndefined();
  expect(experimentOf("/experiments/0")).toBeUndefined();
});
