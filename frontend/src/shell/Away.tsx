import { Alert, Button, Group, Text } from "@mantine/core";
import { useServerIsThere } from "../api/live";
import { useTryAgain } from "../ui/Unanswered";

/** Says that the server is away, for as long as it is; what was read before stays on the page. */
export function Away() {
  const there = useServerIsThere();
  const again = useTryAgain();
  if (there) return null;
  return (
    <Alert color="orange" role="status" py="xs" mb="sm">
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          The server does not answer. What is shown may be out of date; this page goes on by itself
          as soon as the server is back.
        </Text>
        <Button size="compact-sm" variant="default" onClick={again}>
          Try again
        </Button>
      </Group>
    </Alert>
  );
}
