import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { SavedViews } from "./SavedViews";

afterEach(() => {
  cleanup();
  sessionStorage.clear();
  vi.unstubAllGlobals();
});

const name = () => screen.getByLabelText("Name of the view") as HTMLInputElement;

function views() {
  render(<SavedViews query="is:starred" open={() => {}} />, {
    wrapper: ({ children }) => (
      <MantineProvider env="test">
        <QueryClientProvider client={new QueryClient()}>{children}</QueryClientProvider>
      </MantineProvider>
    ),
  });
  fireEvent.click(screen.getByRole("button", { name: "Views" }));
}

test("the name of a view is kept until it is saved, also where that is refused", async () => {
  const statuses = [422, 201];
  vi.stubGlobal("fetch", async ({ method }: Request) => {
    const status = method === "POST" ? statuses.shift() : 200;
    const body = method === "POST" ? { id: 1, detail: "that name is taken" } : [];
    return new Response(JSON.stringify(body), {
      status,
      headers: { "Content-Type": "application/json" },
    });
  });
  views();
  fireEvent.change(name(), { target: { value: "Good ones" } });
  cleanup();
  views();
  expect(name().value).toBe("Good ones");
  const save = () => fireEvent.click(screen.getByRole("button", { name: "Save" }));
  save();
  await waitFor(() => expect(statuses).toEqual([201]));
  await new Promise((done) => setTimeout(done, 20));
  expect(name().value).toBe("Good ones");
  save();
  await waitFor(() => expect(name().value).toBe(""));
});
