import { MantineProvider } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { SavedViews } from "./SavedViews";

afterEach(() => {
  cleanup();
  sessionStorage.clear();
  vi.restoreAllMocks();
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

test("the name of a view is kept over other pages, and where it cannot be saved", async () => {
  const said = vi.spyOn(notifications, "show");
  views();
  fireEvent.change(name(), { target: { value: "Good ones" } });
  cleanup();
  views();
  expect(name().value).toBe("Good ones");
  // There is no server here.
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(said).toHaveBeenCalled());
  expect(name().value).toBe("Good ones");
});
