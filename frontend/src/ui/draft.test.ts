import { notificationsStore } from "@mantine/notifications";
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { useDraft, useDraftText } from "./draft";

interface Note {
  text: string;
}

const isNote = (stored: unknown): stored is Note =>
  typeof (stored as Note | null)?.text === "string";

const open = (key: string) => renderHook(() => useDraft(key, isNote));

afterEach(() => {
  cleanup();
  sessionStorage.clear();
});

test("what was typed is there again after another page, under its own key alone", () => {
  const first = open("notes of 1");
  expect(first.result.current.draft).toBeUndefined();
  act(() => first.result.current.keep({ text: "half a" }));
  act(() => first.result.current.keep({ text: "half a sentence" }));
  expect(first.result.current.restored).toBe(false);
  first.unmount();
  const again = open("notes of 1");
  expect(again.result.current.draft).toEqual({ text: "half a sentence" });
  expect(again.result.current.restored).toBe(true);
  expect(open("notes of 2").result.current.draft).toBeUndefined();
});

test("what was discarded or sent is gone, and its undo brings it back", () => {
  const { result, unmount } = open("notes of 1");
  act(() => result.current.keep({ text: "x" }));
  const { draft, keep, discard } = result.current;
  act(discard);
  expect(result.current.draft).toBeUndefined();
  unmount();
  expect(open("notes of 1").result.current.draft).toBeUndefined();
  act(() => keep(draft as Note));
  expect(open("notes of 1").result.current.draft).toEqual({ text: "x" });
});

test("what was sent is discarded, unless something else was typed since", () => {
  const { result, unmount } = open("notes of 1");
  act(() => result.current.keep({ text: "sent" }));
  act(() => result.current.keep({ text: "typed since" }));
  act(() => result.current.sent({ text: "sent" }));
  expect(result.current.draft).toEqual({ text: "typed since" });
  // Also where the page was left meanwhile, and opened again.
  const { sent } = result.current;
  unmount();
  const again = open("notes of 1").result;
  act(() => again.current.keep({ text: "another" }));
  act(() => sent({ text: "typed since" }));
  expect(again.current.draft).toEqual({ text: "another" });
  act(() => sent({ text: "another" }));
  expect(again.current.draft).toBeUndefined();
});

test("an undo that would overwrite what was typed since is withdrawn", () => {
  const shown = () => notificationsStore.getState().notifications.map(({ message }) => message);
  const { result, unmount } = open("notes of 1");
  act(() => result.current.undoable("Draft discarded", () => undefined));
  expect(shown()).toHaveLength(1);
  const other = open("notes of 2").result;
  act(() => other.current.keep({ text: "elsewhere" }));
  expect(shown()).toHaveLength(1);
  unmount();
  const again = open("notes of 1").result;
  act(() => again.current.keep({ text: "x" }));
  expect(shown()).toHaveLength(0);
});

test.each(["", "no JSON", "null", "[1]", '{"words":"of another release"}', '{"text":3}'])(
  "a draft that is none any more is dropped: %s",
  (stored) => {
    sessionStorage.setItem("draft: notes of 1", stored);
    const { draft, restored } = open("notes of 1").result.current;
    expect([draft, restored]).toEqual([undefined, false]);
  },
);

test("a short text is kept, and an empty one leaves nothing behind", () => {
  const { result } = renderHook(() => useDraftText("view"));
  act(() => result.current[1]("paper"));
  expect(renderHook(() => useDraftText("view")).result.current[0]).toBe("paper");
  act(() => result.current[1](""));
  expect(sessionStorage.length).toBe(0);
});

test("what was typed after a draft was sent goes on from what the sending made", () => {
  const { result } = open("notes of 1");
  act(() => result.current.keep({ text: "sent, and more" }));
  act(() => result.current.sent({ text: "sent" }, ({ text }) => ({ text: `v2: ${text}` })));
  expect(result.current.draft).toEqual({ text: "v2: sent, and more" });
  act(result.current.discard);
  act(() => result.current.sent({ text: "sent" }, () => ({ text: "nothing was typed" })));
  expect(result.current.draft).toBeUndefined();
});
