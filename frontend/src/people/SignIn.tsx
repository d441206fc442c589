import { Alert, Button, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { address, basePath } from "../api/address";
import { api, sentence } from "../api/client";
import { Door } from "./Door";
import { ME, type Me } from "./who";

/** Why an identity provider let nobody in (backend/people/oidc.py). */
const REASONS: Record<string, string> = {
  state: "It took too long, or was begun in another browser.",
  provider: "The identity provider let nobody in.",
  token: "What the identity provider said of you does not hold.",
  domain: "Your address is of a domain that may not come here.",
  disabled: "Your account is disabled here; an administrator can enable it.",
  unavailable: "The identity provider does not answer.",
};

/**
 * In place of whatever page was asked for, which is there once somebody has signed in: no address to
 * go back to travels anywhere.
 */
export function SignIn({ me }: { me: Me }) {
  const failed = new URLSearchParams(window.location.search).get("failed");
  return (
    <Door title="Sign in">
      {me.auth === "proxy" ? (
        <Text>
          This server lets in whom a proxy before it names, and it has named nobody. Come by the
          address that your team uses.
        </Text>
      ) : (
        <>
          {!me.administrator_exists && (
            <Alert color="blue" title="There is no administrator yet">
              The server printed a link in its terminal that makes the first account.
            </Alert>
          )}
          {failed !== null && (
            <Alert color="red" role="alert">
              {REASONS[failed] ?? "Signing in there did not work."} You can try again.
            </Alert>
          )}
          {me.auth === "local" && <WithPassword />}
          {me.button !== null && (
            <Button
              component="a"
              href={address(`/api/sign-in/oidc?${new URLSearchParams({ next: here() })}`)}
            >
              {me.button}
            </Button>
          )}
        </>
      )}
    </Door>
  );
}

/**
 * Where one is in this page, for the way back from an identity provider: a path, which no browser
 * takes for another site's address. The server holds to that too.
 */
export function here({
  pathname,
  search,
}: Pick<Location, "pathname" | "search"> = location): string {
  const base = basePath(pathname);
  const path = base === "/" ? pathname : pathname.slice(base.length);
  // Where an identity provider's refusal is said is no place to come back to.
  if (path === "/sign-in") return "/";
  return `/${path.replace(/^[/\\]+/, "")}${search}`;
}

function WithPassword() {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { mutate, isPending, error } = api.useMutation("post", "/api/sign-in", {
    onSuccess: (me) => queries.setQueryData(ME.queryKey, me),
    onError: () => setPassword(""),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        mutate({ body: { name, password } });
      }}
    >
      <Stack>
        <TextInput
          label="Name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          required
          withAsterisk={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          label="Password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {error && (
          <Alert color="red" role="alert">
            {sentence(error)}
          </Alert>
        )}
        <Button type="submit" loading={isPending}>
          Sign in
        </Button>
        <Text size="sm" c="dimmed">
          No account, or forgotten the password? An administrator has a link for you.
        </Text>
      </Stack>
    </form>
  );
}
