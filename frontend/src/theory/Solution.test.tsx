import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Solution } from "./Solution";
import type { TheoryAnswer } from "./solve";

const { react } = vi.hoisted(() => ({ react: vi.fn(async (..._: unknown[]) => {}) }));
// plotly needs a canvas, which jsdom does not have; what it is given is what these tests are about.
vi.mock("../ui/plotly", () => ({
  plotly: async () => ({ react }),
  loaded: () => undefined,
}));

beforeEach(() => react.mockClear());
afterEach(cleanup);

const figure = (y: number) =>
  JSON.stringify({ data: [{ y: [y] }], layout: { xaxis: { title: { text: "Step" } } } });
const answer = (y: number) =>
  ({
    figures: { losses: figure(y), subspaces: figure(0) },
    tables: {},
    predictions: [],
    runs: 1,
    seeds: 1,
    seconds: 1,
  }) as unknown as TheoryAnswer;

const page = (view: string, shown: TheoryAnswer, outdated = false) => (
  <MantineProvider env="test">
    <Solution
      solved={{ view, answer: shown, outdated, whole: true, progress: undefined, error: undefined }}
    />
  </MantineProvider>
);

/** The views of all that was drawn: plotly keeps a zoom where it is that of before. */
const views = () =>
  react.mock.calls.map(([, , layout]) => (layout as { uirevision: string }).uirevision);

test("a zoom belongs to a preset and its problem, though axes of another have the same titles", async () => {
  const { rerender } = render(page("O3", answer(1)));
  await waitFor(() => expect(react).toHaveBeenCalledTimes(2));
  rerender(page("O3", answer(2)));
  await waitFor(() => expect(react).toHaveBeenCalledTimes(3));
  expect(new Set(views()).size).toBe(1);
  rerender(page("O4", answer(3)));
  await waitFor(() => expect(react).toHaveBeenCalledTimes(5));
  expect(views()[3]).not.toBe(views()[0]);
});

test("a slider that moves draws nothing until the answer is there, and then what is another", async () => {
  const { rerender } = render(page("O3", answer(1)));
  await waitFor(() => expect(react).toHaveBeenCalledTimes(2));
  const before = answer(1);
  for (let step = 0; step < 5; step++) rerender(page("O3", before, true));
  await new Promise((done) => setTimeout(done, 20));
  expect(react).toHaveBeenCalledTimes(2);
  rerender(page("O3", answer(2)));
  await waitFor(() => expect(react).toHaveBeenCalledTimes(3));
  await new Promise((done) => setTimeout(done, 20));
  expect(react).toHaveBeenCalledTimes(3);
});

test("the first answer, which may take a while, is said to be on its way", () => {
  const nothing = { whole: false, progress: undefined, error: undefined, outdated: false };
  render(<Solution solved={{ view: "O3", answer: undefined, ...nothing }} />, {
    wrapper: MantineProvider,
  });
  expect(screen.getByText("Solving …")).toBeTruthy();
});

test("what could not be solved may be tried again where that is said", () => {
  const again = vi.fn();
  const away = { status: 503, detail: "The server does not answer.", errors: [] };
  const nothing = { answer: undefined, whole: true, progress: undefined, outdated: false };
  render(<Solution solved={{ view: "O3", ...nothing, error: away, again }} />, {
    wrapper: MantineProvider,
  });
  fireEvent.click(within(screen.getByRole("alert")).getByRole("button", { name: "Try again" }));
  expect(again).toHaveBeenCalledTimes(1);
  expect(screen.queryByText("Solving …")).toBeNull();
});
