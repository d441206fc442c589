import { MantineProvider } from "@mantine/core";
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
import { LaunchForm } from "./LaunchForm";

// The client takes it as it is when it is read.
const server = vi.hoisted(() => {
  const server = { launched: (_status: number, _body: object) => {} };
  globalThis.fetch = async (request) => {
    const plan = {
      runs: [],
      notes: [],
      gradients: 0,
      cost: null,
      yaml: "",
      command: "",
      python: "",
      peft: {},
      quotas: [],
    };
    if ((request as Request).url.endsWith("/plan")) return new Response(JSON.stringify(plan));
    return new Promise((resolve) => {
      server.launched = (status, body) =>
        resolve(new Response(JSON.stringify({ ...body, status }), { status }));
    });
  };
  return server;
});

// The fields need the whole schema; one that is typed in does for what is kept of it.
vi.mock("./LaunchFields", () => ({
  LaunchFields: () => {
    const { spec, set } = useSpecForm();
    return (
      <input
        aria-label="Name"
        value={spec.name}
        onChange={(event) => set("name", event.currentTarget.value)}
      />
    );
  },
}));
vi.mock("../spec/UnshownValues", () => ({ UnshownValues: () => null }));

afterEach(() => {
  cleanup();
  sessionStorage.clear();
});

const start = { name: "Usual" } as unknown as ExperimentSpec;
const catalog = {
  spec_schema: { properties: {} },
  presets: [],
  trackers: [],
} as unknown as Catalog;
const button = () => screen.getByRole<HTMLButtonElement>("button", { name: "Launch" });
const loading = () => button().hasAttribute("data-loading");
const type = (value: string) =>
  fireEvent.change(screen.getByLabelText("Name"), { target: { value } });
const draft = () => JSON.parse(sessionStorage.getItem("draft: launch demo") ?? "{}").name;

/** The form, with a launch of what is typed under way. */
async function launching() {
  const root = createRootRoute();
  const form = createRoute({
    getParentRoute: () => root,
    path: "/",
    component: () => <LaunchForm {...{ catalog, start }} active="demo" search={{}} />,
  });
  const there = createRoute({
    getParentRoute: () => root,
    path: "/experiments/$id",
    component: () => <p>Launched</p>,
  });
  const router = createRouter({
    routeTree: root.addChildren([form, there]),
    history: createMemoryHistory({ initialEntries: ["/"] }),
  });
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <RouterProvider router={router as never} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  await screen.findByLabelText("Name");
  type("Mine");
  await waitFor(() => expect(button().disabled).toBe(false), { timeout: 3000 });
  server.launched = () => {};
  await act(async () => fireEvent.click(button()));
  await waitFor(() => expect(loading()).toBe(true));
}

test("a launch that failed for want of a server or of space may be tried again", async () => {
  await launching();
  await act(async () => server.launched(507, { detail: "no space left", errors: [] }));
  await waitFor(() => expect(loading()).toBe(false));
  expect(button().disabled).toBe(false);
  expect(draft()).toBe("Mine");
});

test("a field that was refused keeps the launch back", async () => {
  await launching();
  const wrong = { path: "name", message: "is taken", value: "Mine", allowed: null, hint: null };
  await act(async () => server.launched(422, { detail: "wrong", errors: [wrong] }));
  await screen.findByText("is taken", { exact: false });
  expect(button().disabled).toBe(true);
});

test("what was launched is no draft any more", async () => {
  await launching();
  await act(async () => server.launched(201, { id: 1 }));
  await screen.findByText("Launched");
  expect(draft()).toBeUndefined();
});

test("what was typed during the launch is kept, and is not launched beside it", async () => {
  await launching();
  type("Next");
  expect(loading()).toBe(true);
  await act(async () => server.launched(201, { id: 1 }));
  await screen.findByText("Launched");
  expect(draft()).toBe("Next");
});
