import { Alert, Button, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, client, type Schemas, sentence } from "../api/client";
import { Door } from "./Door";
import { isSaid, NewPassword, saidOf } from "./PasswordFields";
import { useFragment } from "./useFragment";
import { ME } from "./who";

type Link = Schemas["LinkOut"];

const TITLES: Record<Link["kind"], string> = {
  setup: "Make the first account",
  invite: "Make your account",
  reset: "Set a new password",
};

/** Where the links lead that make an account or set a password; the secret stands behind `#`. */
export function InvitationPage() {
  const secret = useFragment();
  const { data, error } = useQuery({
    queryKey: ["link", secret],
    queryFn: async () => {
      const { data, error } = await client.POST("/api/invitations/look", {
        body: { secret: secret ?? "" },
      });
      if (error) throw error;
      return data;
    },
    enabled: secret !== undefined,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (secret === undefined) {
    return (
      <Door title="Invitation">
        <Text>This address is a part of a link: open the whole of it, with what is behind #.</Text>
      </Door>
    );
  }
  if (error) {
    return (
      <Door title="Invitation">
        <Alert color="red">{sentence(error)}</Alert>
        <Text size="sm">An administrator can make another link.</Text>
      </Door>
    );
  }
  if (!data) {
    return (
      <Door title="Invitation">
        <Skeleton height={120} />
      </Door>
    );
  }
  return <Accept secret={secret} link={data} />;
}

function Accept({ secret, link }: { secret: string; link: Link }) {
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
