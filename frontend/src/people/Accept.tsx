import { Alert, Button, Stack, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Schemas, sentence } from "../api/client";
import { Door } from "./Door";
import { isSaid, NewPassword, saidOf } from "./PasswordFields";
import { ME } from "./who";

type Link = Schemas["LinkOut"];

const TITLES: Record<Link["kind"], string> = {
  setup: "Make the first account",
  invite: "Make your account",
  reset: "Set a new password",
};

/** Makes the account that a link is for, or sets the new password. */
export function Accept({ secret, link }: { secret: string; link: Link }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { mutate, isPending, error } = api.useMutation("post", "/api/invitations/accept", {
    onSuccess: (me) => {
      queries.setQueryData(ME.queryKey, me);
      void navigate({ to: "/history", replace: true });
    },
  });
  const named = link.name === null;
  return (
    <Door title={TITLES[link.kind]}>
      <Text>
        {link.kind === "reset"
          ? `For ${link.name}. You are signed in with it at once.`
          : `You will be ${link.role === "viewer" ? "a" : "an"} ${link.role}${
              link.name === null ? "" : `, and what ${link.name} launched is yours`
            }.`}{" "}
        The link works once, until {new Date(link.expires_at).toLocaleString()}.
      </Text>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          mutate({ body: { secret, password, ...(named && { name }) } });
        }}
      >
        <Stack>
          <TextInput
            label="Name"
            description={named ? "As your team will see you" : undefined}
            autoComplete="username"
            required
            withAsterisk={false}
            readOnly={!named}
            value={link.name ?? name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={saidOf(error, "name")}
          />
          <NewPassword
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            error={saidOf(error, "password")}
          />
          {error && !isSaid(error, "name", "password") && (
            <Alert color="red" role="alert">
              {sentence(error)}
            </Alert>
          )}
          <Button type="submit" loading={isPending}>
            {link.kind === "reset" ? "Set the password" : "Make the account"}
          </Button>
        </Stack>
      </form>
    </Door>
  );
}
