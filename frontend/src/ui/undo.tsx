import { Button, Group } from "@mantine/core";
import { notifications } from "@mantine/notifications";

const SHOWN_MS = 10_000;
/** What cannot be taken back once it is done, is done after this time. */
export const DELAY_MS = 5_000;

/** Says what was just done, with a button that takes it back; returns how to withdraw the offer. */
export function offerUndo(message: string, undo: () => void): () => void {
  return offer(message, undo, SHOWN_MS);
}

function offer(message: string, undo: () => void, ms: number): () => void {
  const id = notifications.show({
    autoClose: ms,
    message: (
      <Group justify="space-between" wrap="nowrap">
        <span>{message}</span>
        <Button
          size="compact-sm"
          variant="light"
          style={{ flexShrink: 0 }}
          onClick={() => {
            notifications.hide(id);
            undo();
          }}
        >
          Undo
        </Button>
      </Group>
    ),
  });
  return () => notifications.hide(id);
}

/** What waits for its time, by its name. */
const waiting = new Map<string, () => void>();

/**
 * Does something after five seconds in which it can be undone: what cannot be taken back later.
 * Whoever leaves the page meant it: it is done at once. `name` is that of the thing: it is not done
 * twice.
 */
export function doUnlessUndone(name: string, message: string, act: () => void): void {
  if (waiting.has(name)) return;
  const end = () => {
    clearTimeout(timer);
    window.removeEventListener("pagehide", now);
    waiting.delete(name);
  };
  const withdraw = offer(message, end, DELAY_MS);
  const now = () => {
    end();
    withdraw();
    act();
  };
  const timer = setTimeout(now, DELAY_MS);
  window.addEventListener("pagehide", now);
  waiting.set(name, now);
}
