/** What people type, kept until it is sent or discarded, whatever page they look at meanwhile. */

import { useSessionStorage } from "@mantine/hooks";
import { useState } from "react";
import { offerUndo } from "./undo";

export interface Draft<T> {
  /** What is kept; nothing where nothing was typed. */
  draft: T | undefined;
  keep: (draft: T) => void;
  discard: () => void;
  /** Discards what was sent; what was typed since is kept, as `since` makes of it. */
  sent: (what: unknown, since?: (typed: T) => T) => void;
  /** Offers to take back what was done to it, until something is kept: that would be lost. */
  undoable: (message: string, undo: () => void) => void;
  /** Whether it was there when the page was opened: it was typed earlier. */
  restored: boolean;
}

/** How to withdraw the last offer to take something back, by the draft's key. */
const offers = new Map<string, () => void>();

/**
 * The draft under a key. It survives other pages, Back and Forward, and a reload; each tab of the
 * browser has its own, so that two of them do not mix. What is `valid` no longer, because another
 * release wrote it, is as if it were not there. A component with another key must be another one.
 */
export function useDraft<T>(key: string, valid: (stored: unknown) => stored is T): Draft<T> {
  const [draft, store, remove] = useSessionStorage<T | undefined>({
    key: `draft: ${key}`,
    getInitialValueInEffect: false,
    deserialize: (text) => read(text, valid),
  });
  const [restored, setRestored] = useState(draft !== undefined);
  const discard = () => {
    setRestored(false);
    remove();
  };
  const keep = (next: T) => {
    offers.get(key)?.();
    offers.delete(key);
    store(next);
  };
  const sent = (what: unknown, since?: (typed: T) => T) => {
    // As it is stored: the component may have been left, and opened again, since it was sent.
    const now = sessionStorage.getItem(`draft: ${key}`) ?? undefined;
    if (now === JSON.stringify(what)) return discard();
    const typed = read(now, valid);
    if (since && typed !== undefined) keep(since(typed));
  };
  const undoable = (message: string, undo: () => void) => {
    offers.set(key, offerUndo(message, undo));
  };
  return { draft, keep, discard, sent, undoable, restored };
}

function read<T>(text: string | undefined, valid: (stored: unknown) => stored is T): T | undefined {
  try {
    const stored: unknown = JSON.parse(text ?? "null");
    return valid(stored) ? stored : undefined;
  } catch {
    return undefined;
  }
}

type DraftText = [text: string, type: (text: string) => void, sent: (text: string) => void];

/**
 * A short text that is being typed, how to change it, and how to forget what was sent of it: what
 * was typed since stays. An empty one is not kept.
 */
export function useDraftText(key: string): DraftText {
  const { draft, keep, discard, sent } = useDraft(key, isText);
  return [draft ?? "", (text) => (text === "" ? discard() : keep(text)), sent];
}

function isText(stored: unknown): stored is string {
  return typeof stored === "string";
}

const OWNER = "drafts of";

/** Forget what somebody else had typed in this tab: those who sign in after them do not see it. */
export function discardOthers(person: string): void {
  const before = sessionStorage.getItem(OWNER);
  if (before !== null && before !== person) {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith("draft: ")) sessionStorage.removeItem(key);
    }
  }
  sessionStorage.setItem(OWNER, person);
}
