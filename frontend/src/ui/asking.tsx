import { Button, Group, Modal, Stack } from "@mantine/core";
import { type ReactNode, useSyncExternalStore } from "react";

export interface Question {
  title: string;
  /** What would be done, and what becomes of it. */
  text: ReactNode;
  /** The word for doing it; it is dangerous unless said otherwise. */
  act: string;
  color?: string;
  doing: () => void;
}

let asked: Question | undefined;
/** Kept while the dialog fades. */
let last: Question | undefined;
const watching = new Set<() => void>();

/** Asks before something is done to many things, or for good. */
export function ask(question: Question): void {
  asked = last = question;
  for (const tell of watching) tell();
}

function answered(): void {
  asked = undefined;
  for (const tell of watching) tell();
}

function watch(tell: () => void): () => void {
  watching.add(tell);
  return () => watching.delete(tell);
}

/** Where questions are seen; once in the page. */
export function Asked() {
  const question = useSyncExternalStore(watch, () => asked);
  const shown = question ?? last;
  return (
    <Modal opened={question !== undefined} onClose={answered} title={shown?.title}>
      <Stack gap="md">
        <div>{shown?.text}</div>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={answered} data-autofocus>
            Not now
          </Button>
          <Button
            color={shown?.color ?? "red"}
            onClick={() => {
              answered();
              shown?.doing();
            }}
          >
            {shown?.act}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
