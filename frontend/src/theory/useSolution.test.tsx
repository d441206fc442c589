import { MantineProvider } from "@mantine/core";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { ExperimentSpec } from "../api/client";
import { useSolution } from "./useSolution";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const spec = (condition: number) =>
  ({ problem: { condition }, grid: { seeds: [0] } }) as unknown as ExperimentSpec;

/** A server that answers, or refuses, when it is told to. */
function slowServer() {
  const waiting: ((response: Response) => void)[] = [];
  vi.stubGlobal("fetch", () => new Promise((resolve) => waiting.push(resolve)));
  return async (status: number, body: object) => {
    await waitFor(() => expect(waiting.length).toBeGreaterThan(0));
    await act(async () => waiting.shift()?.(new Response(JSON.stringify(body), { status })));
  };
}

test("an answer is outdated from the change on until that of the change is there", async () => {
  const answer = slowServer();
  const { result, rerender } = renderHook((props) => useSolution(props, "O3"), {
    initialProps: spec(1),
    wrapper: ({ children }) => <MantineProvider env="test">{children}</MantineProvider>,
  });
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
