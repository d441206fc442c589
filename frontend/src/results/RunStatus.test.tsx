import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import type { Run } from "../api/client";
import { RunStatus } from "./runs/RunStatus";

function shown(run: Partial<Run>) {
  const usual = { status: "succeeded", notes: [], warnings: [], error: null, reason: null };
  render(<RunStatus run={{ ...usual, ...run } as Run} />, { wrapper: MantineProvider });
}

afterEach(cleanup);

test("a warning of a run that succeeded is shown whole, and its notes after it", () => {
  const warning = "Warning: the exported adapter is not the trained one";
  shown({ notes: [warning, "a note"], warnings: [warning] });
  const text = screen.getByText(`${warning}; a note`);
  expect(text.getAttribute("data-line-clamp")).toBeNull();
  expect(text.style.fontWeight).toBe("500");
});

test("notes alone are in the background, and cut", () => {
  shown({ notes: ["a note"] });
  const text = screen.getByText("a note");
  expect(text.getAttribute("data-line-clamp")).not.toBeNull();
  expect(text.style.fontWeight).toBe("");
});

test("a note that all runs share is not repeated in the row of each", () => {
  const run = { status: "succeeded", notes: ["3 texts left out", "γ 72"], warnings: [] };
  render(
    <RunStatus run={{ ...run, error: null } as unknown as Run} shared={["3 texts left out"]} />,
    {
      wrapper: MantineProvider,
    },
  );
  expect(screen.getByText("γ 72")).toBeTruthy();
  expect(screen.queryByText(/left out/)).toBeNull();
});
