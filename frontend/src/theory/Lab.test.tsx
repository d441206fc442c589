import { MantineProvider } from "@mantine/core";
import { Notifications, notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { Catalog, ExperimentSpec } from "../api/client";
import { useSpecForm } from "../spec/SpecForm";
import { Lab } from "./Lab";
import { theorySearch } from "./search";

// The controls need the whole schema; one that changes a value does for what is kept of it.
vi.mock("./Controls", () => ({
  Controls: () => {
    const { spec, set } = useSpecForm();
    return (
      <button type="button" onClick={() => set("problem.condition", 7)}>
        κ {spec.problem?.condition}
      </button>
    );
  },
}));

afterEach(() => {
  cleanup();
  act(() => notifications.clean());
  sessionStorage.clear();
});

const start = { problem: { condition: 1 }, grid: { seeds: [0] } } as unknown as ExperimentSpec;
const catalog = {
  spec_schema: { properties: { problem: { properties: { condition: { type: "number" } } } } },
  theory: ["O1", "O2"].map((name) => ({ name, label: "", summary: "" })),
} as unknown as Catalog;

/** The lab at a link to O1 whose changes have κ at 5; the server is silent. */
async function opened(draft?: number) {
  vi.stubGlobal("fetch", () => new Promise(() => {}));
  if (draft !== undefined) keepDraft(draft);
  const root = createRootRoute();
  const theory = createRoute({
    getParentRoute: () => root,
    path: "/theory",
    validateSearch: theorySearch,
    component: function Page() {
      const search = theory.useSearch();
      const of = search.preset ?? "O1";
      return <Lab {...{ catalog, start, of, search }} active={of} summary="" />;
    },
  });
  const changes = encodeURIComponent(JSON.stringify({ "problem.condition": 5 }));
  const router = createRouter({
    routeTree: root.addChildren([theory]),
    history: createMemoryHistory({ initialEntries: [`/theory?preset=O1&changes=${changes}`] }),
  });
  render(
    <MantineProvider env="test">
      <Notifications />
      <QueryClientProvider client={new QueryClient()}>
        <RouterProvider router={router as never} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  await screen.findByText("κ 5");
}

const KEY = "draft: theory O1";
const keepDraft = (condition: number) =>
  sessionStorage.setItem(KEY, JSON.stringify({ "problem.condition": condition }));
const kept = () => JSON.parse(sessionStorage.getItem(KEY) ?? "{}")["problem.condition"];
const click = (name: string) => act(async () => fireEvent.click(screen.getByText(name)));

test("what a link changed is kept when another preset is chosen, as is said", async () => {
  await opened();
  await click("O2");
  await screen.findByText("O2 applied; what you had changed is kept");
  await screen.findByText("κ 1");
  expect(kept()).toBe(5);
});

test("a link's changes do not take the place of the reader's own", async () => {
  await opened(3);
  await click("O2");
  await screen.findByText("O2 applied");
  expect(kept()).toBe(3);
});

test("changing what a link shows offers the reader's own changes back, once", async () => {
  await opened(3);
  await click("κ 5");
  await screen.findByText("κ 7");
  expect(kept()).toBe(7);
  await click("κ 7");
  expect(screen.getAllByText("Undo")).toHaveLength(1);
  await click("Undo");
  await waitFor(() => expect(screen.getByText("κ 3")).toBeTruthy());
  expect(kept()).toBe(3);
});
