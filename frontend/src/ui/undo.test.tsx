import { MantineProvider } from "@mantine/core";
import { cleanNotifications, Notifications } from "@mantine/notifications";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Asked, ask } from "./asking";
import { DELAY_MS, doUnlessUndone } from "./undo";

beforeEach(() => {
  vi.useFakeTimers();
  render(
    <MantineProvider env="test">
      <Notifications />
      <Asked />
    </MantineProvider>,
  );
});
afterEach(() => {
  vi.runAllTimers();
  act(() => cleanNotifications());
  cleanup();
  vi.useRealTimers();
});

const later = (ms: number) => act(async () => void vi.advanceTimersByTime(ms));

test("what cannot be taken back is done after a while, once", async () => {
  const done = vi.fn();
  act(() => doUnlessUndone("cancel run 1", "Run 1 will be cancelled", done));
  act(() => doUnlessUndone("cancel run 1", "Run 1 will be cancelled", done));
  await later(DELAY_MS - 1);
  expect(done).not.toHaveBeenCalled();
  await later(1);
  expect(done).toHaveBeenCalledOnce();
});

test("undone it is not done, and may be done anew", async () => {
  const done = vi.fn();
  act(() => doUnlessUndone("cancel run 2", "Run 2 will be cancelled", done));
  await later(100);
  fireEvent.click(screen.getByText("Undo"));
  await later(2 * DELAY_MS);
  expect(done).not.toHaveBeenCalled();
  act(() => doUnlessUndone("cancel run 2", "Run 2 will be cancelled", done));
  await later(DELAY_MS);
  expect(done).toHaveBeenCalledOnce();
});

test("whoever leaves the page meant it", async () => {
  const done = vi.fn();
  act(() => doUnlessUndone("cancel run 3", "Run 3 will be cancelled", done));
  act(() => void window.dispatchEvent(new Event("pagehide")));
  expect(done).toHaveBeenCalledOnce();
  await later(2 * DELAY_MS);
  expect(done).toHaveBeenCalledOnce();
});

test("what is asked is done by its word, and not by another one", async () => {
  const doing = vi.fn();
  const question = { title: "Cancel 4 runs", text: "What they did is lost", act: "Cancel", doing };
  act(() => ask(question));
  await later(500);
  fireEvent.click(screen.getByText("Not now"));
  expect(doing).not.toHaveBeenCalled();
  act(() => ask(question));
  await later(500);
  fireEvent.click(screen.getByText("Cancel"));
  expect(doing).toHaveBeenCalledOnce();
});
