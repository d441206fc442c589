import { Alert, Button, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { mayPass } from "../api/answer";
import { sentence } from "../api/client";

interface Props {
  error: unknown;
  title?: string;
}

/** Instead of what could not be read: why, and a way to try again where that may help. */
export function Unanswered({ error, title }: Props) {
  const again = useTryAgain();
  return (
    <Alert color="red" title={title}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{sentence(error)}</Text>
        {mayPass(error) && (
          <Button size="compact-sm" variant="default" onClick={again}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** Reads everything again that is shown and could not be read. */
export function useTryAgain(): () => void {
  const queries = useQueryClient();
  return () =>
    void queries.refetchQueries({
      type: "active",
      predicate: ({ state: { error } }) => error !== null && mayPass(error),
    });
}
