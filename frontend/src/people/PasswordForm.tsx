import { Alert, Button, Group, Paper, PasswordInput, Stack, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";
import { api, sentence } from "../api/client";
import { isSaid, NewPassword, saidOf } from "./PasswordFields";
import { useWho } from "./who";

/** Another password; all other browsers are signed out by it. */
export function PasswordForm() {
  const { person } = useWho();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const { mutate, isPending, error } = api.useMutation("post", "/api/me/password", {
    onSuccess: () => {
      setCurrent("");
      setNext("");
      notifications.show({ message: "You have a new password; other browsers are signed out" });
    },
  });
  return (
    <Paper withBorder p="md" role="region" aria-label="Password">
      <Title order={4} mb="xs">
        Password
      </Title>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          mutate({ body: { current, new: next } });
        }}
      >
        <Stack maw={420} gap="sm">
          {/* For password managers: they ask whose it is. */}
          <input type="hidden" autoComplete="username" value={person?.name ?? ""} />
          <PasswordInput
            label="The one you have"
            autoComplete="current-password"
            required
            withAsterisk={false}
            value={current}
            onChange={(event) => setCurrent(event.currentTarget.value)}
            error={saidOf(error, "current")}
          />
          <NewPassword
            label="The new one"
            value={next}
            onChange={(event) => setNext(event.currentTarget.value)}
            error={saidOf(error, "new")}
          />
          {error && !isSaid(error, "current", "new") && (
            <Alert color="red" role="alert">
              {sentence(error)}
            </Alert>
          )}
          <Group>
            <Button size="xs" type="submit" loading={isPending}>
              Change the password
            </Button>
          </Group>
        </Stack>
      </form>
    </Paper>
  );
}
