import { Button, Group, Paper, Text, TextInput, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Problem, sentence } from "../api/client";
import { ME } from "./who";

/** What one is called: chosen by oneself. */
export function NameForm({ name }: { name: string }) {
  const queries = useQueryClient();
  const [typed, setTyped] = useState(name);
  const { mutate, isPending, error, reset } = api.useMutation("put", "/api/me/name", {
    onSuccess: () => {
      notifications.show({ message: "You have another name" });
      return queries.invalidateQueries({ queryKey: ME.queryKey });
    },
  });
  const next = typed.trim();
  return (
    <Paper withBorder p="md" role="region" aria-label="Name">
      <Title order={4}>Name</Title>
      <Text size="sm" c="dimmed" mb="sm">
        Also where it stands beside what you launched and wrote. How you sign in with a password
        changes with it.
      </Text>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (next && next !== name) mutate({ body: { name: next } });
        }}
      >
        <Group align="flex-start" gap="xs">
          <TextInput
            w={{ base: "100%", sm: 320 }}
            aria-label="Your name"
            autoComplete="username"
            maxLength={100}
            value={typed}
            error={error ? sentence(error as unknown as Problem) : undefined}
            onChange={(event) => {
              reset();
              setTyped(event.currentTarget.value);
            }}
          />
          <Button type="submit" size="sm" loading={isPending} disabled={!next || next === name}>
            Rename
          </Button>
        </Group>
      </form>
    </Paper>
  );
}
