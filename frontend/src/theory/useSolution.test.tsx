import { MantineProvider } from "@mantine/core";
import { QueryClient } from "@tanstack/react-query";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { ExperimentSpec } from "../api/client";
import { follow } from "../api/live";
import { useSolution } from "./useSolution";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const spec = (condition: number, seeds = [0]) =>
  ({ problem: { condition }, grid: { seeds } }) as unknown as ExperimentSpec;

/** A server that answers, or refuses, when it is told to. */
function slowServer() {
  const waiting: ((response: Response) => void)[] = [];
  vi.stubGlobal("fetch", () => new Promise((resolve) => waiting.push(resolve)));
  return async (status: number, body: object) => {
    await waitFor(() => expect(waiting.length).toBeGreaterThan(0));
    await act(async () => waiting.shift()?.(new Response(JSON.stringify(body), { status })));
  };
}

const solving = (initialProps: ExperimentSpec) =>
  renderHook((props) => useSolution(props, "O3"), {
    initialProps,
    wrapper: ({ children }) => <MantineProvider env="test">{children}</MantineProvider>,
  });

/** A feed that breaks and begins when it is told to, without the pauses in between. */
class Feed extends EventTarget {
  static last: Feed;
  onerror = () => {};
  close() {}
  constructor() {
    super();
    Feed.last = this;
  }
  static async breaks() {
    await act(async () => {
      for (let i = 0; i < 2; i++) {
        Feed.last.onerror();
        document.dispatchEvent(new Event("visibilitychange"));
      }
    });
  }
  static async begins() {
    const data = JSON.stringify({ after: 0, server: "a" });
    await act(async () => void Feed.last.dispatchEvent(new MessageEvent("following", { data })));
  }
}

test("an answer is outdated from the change on until that of the change is there", async () => {
  const answer = slowServer();
  const { result, rerender } = solving(spec(1));
  expect(result.current.outdated).toBe(false);
  await answer(200, { answer: { runs: 1 } });
  await waitFor(() => expect(result.current.answer).toEqual({ runs: 1 }));
  expect(result.current.outdated).toBe(false);

  rerender(spec(10));
  // At once, not only when it is asked for.
  expect(result.current).toMatchObject({ answer: { runs: 1 }, outdated: true });
  await answer(200, { answer: { runs: 2 } });
  await waitFor(() => expect(result.current.answer).toEqual({ runs: 2 }));
  expect(result.current.outdated).toBe(false);

  rerender(spec(-1));
  await answer(422, { errors: [{ path: "problem.condition" }] });
  await waitFor(() => expect(result.current.error).toBeDefined());
  expect(result.current.outdated).toBe(true);

  rerender(spec(2));
  // What was wrong with the problem before is not wrong with this one.
  expect(result.current.error).toBeUndefined();
  await answer(200, { answer: { runs: 3 } });
  await waitFor(() => expect(result.current.outdated).toBe(false));
});

test("an answer keeps the view it belongs to until that of the next preset is there", async () => {
  const answer = slowServer();
  const { result, rerender } = renderHook(([of, now]) => useSolution(now, of), {
    initialProps: ["O3", spec(1)] as const as [string, ExperimentSpec],
    wrapper: ({ children }) => <MantineProvider env="test">{children}</MantineProvider>,
  });
  await answer(200, { answer: { runs: 1 } });
  await waitFor(() => expect(result.current.answer).toBeDefined());
  const { view } = result.current;
  expect(view).toContain("O3");

  const faster = { ...spec(1), training: { steps: 9 } } as unknown as ExperimentSpec;
  rerender(["O3", faster]);
  await answer(200, { answer: { runs: 2 } });
  await waitFor(() => expect(result.current.answer).toEqual({ runs: 2 }));
  expect(result.current.view).toBe(view);

  rerender(["O4", spec(1)]);
  expect(result.current.view).toBe(view);
  await answer(200, { answer: { runs: 3 } });
  await waitFor(() => expect(result.current.answer).toEqual({ runs: 3 }));
  expect(result.current.view).not.toBe(view);

  rerender(["O4", spec(7)]);
  const other = result.current.view;
  await answer(200, { answer: { runs: 4 } });
  await waitFor(() => expect(result.current.answer).toEqual({ runs: 4 }));
  expect(result.current.view).not.toBe(other);
});

test("what could not be solved while the server was away is solved when it is there again", async () => {
  vi.stubGlobal("EventSource", Feed);
  const end = follow(new QueryClient());
  const answer = slowServer();
  const { result } = solving(spec(1));
  await Feed.breaks();
  await answer(503, { status: 503, detail: "away", errors: [] });
  await waitFor(() => expect(result.current.error).toBeDefined());
  await Feed.begins();
  await answer(200, { answer: { runs: 1 } });
  await waitFor(() => expect(result.current.answer).toEqual({ runs: 1 }));
  expect(result.current.error).toBeUndefined();
  end();
});

test("if the other seeds cannot be solved they are not on their way, until they are asked for again", async () => {
  const answer = slowServer();
  const { result } = solving(spec(1, [0, 1]));
  await answer(200, { answer: { seeds: 1 } });
  await waitFor(() => expect(result.current.answer).toEqual({ seeds: 1 }));
  expect(result.current).toMatchObject({ whole: false, again: undefined });
  await answer(503, { status: 503, detail: "away", errors: [] });
  await waitFor(() => expect(result.current.error).toBeDefined());
  expect(result.current).toMatchObject({ answer: { seeds: 1 }, whole: true, outdated: false });
  act(() => result.current.again?.());
  expect(result.current).toMatchObject({ whole: false, error: undefined });
  await answer(200, { answer: { seeds: 1 } });
  await answer(200, { answer: { seeds: 2 } });
  await waitFor(() => expect(result.current.answer).toEqual({ seeds: 2 }));
});

test("what the server refuses is not asked for again", async () => {
  const answer = slowServer();
  const { result } = solving(spec(-1));
  await answer(422, { status: 422, errors: [{ path: "problem.condition" }] });
  await waitFor(() => expect(result.current.error).toBeDefined());
  expect(result.current.again).toBeUndefined();
});
