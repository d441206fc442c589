import { Button, Group, Text } from "@mantine/core";
import type { Draft } from "./draft";

/** Says that what is shown is a draft, and offers to discard it; nothing where there is none. */
export function DraftBar<T>({ draft, restored, keep, discard, undoable }: Draft<T>) {
  return (
    <Group gap="xs" role="status">
      {draft !== undefined && (
        <>
          <Text size="sm" c="dimmed">
            {restored ? "Draft restored" : "Edited; kept as a draft in this tab"}
          </Text>
          <Button
            size="compact-xs"
            variant="subtle"
            onClick={() => {
              discard();
              undoable("Draft discarded", () => keep(draft));
            }}
          >
            Discard
          </Button>
        </>
      )}
    </Group>
  );
}
