import {
  Button,
  Code,
  Group,
  Paper,
  Select,
  Skeleton,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Schemas, sentence } from "../api/client";
import { DataTable } from "../ui/DataTable";
import { ago } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { saidOf } from "./PasswordFields";
import { SecretOnce } from "./SecretOnce";
import { useWho } from "./who";

type Token = Schemas["TokenOut"];
type Right = Token["scope"];

const LISTED = api.queryOptions("get", "/api/tokens", {}, {});

const SCOPES: Record<Right, string> = {
  read: "read: look at results",
  launch: "launch: also launch, and change what is yours",
  admin: "admin: everything you may",
};
const DAYS = ["7", "30", "90", "365", ""];

/** What programs come with: made, shown once, deleted. */
export function Tokens() {
  const queries = useQueryClient();
  const { data, error } = api.useQuery("get", "/api/tokens", {}, { staleTime: 0 });
  const remove = api.useMutation("delete", "/api/tokens/{token_id}", {
    onSettled: () => queries.invalidateQueries({ queryKey: LISTED.queryKey }),
    onError: (error) =>
      notifications.show({ color: "red", title: "Not deleted", message: sentence(error) }),
  });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={160} />;
  const columns: Column<Token>[] = [
    { id: "name", header: "For", value: (row) => row.name },
    { id: "scope", header: "May", value: (row) => row.scope },
    {
      id: "used",
      header: "Last used",
      moment: true,
      value: (row) => row.used_at ?? undefined,
      cell: (row) => (row.used_at ? ago(row.used_at) : "never"),
    },
    {
      id: "ends",
      header: "Ends",
      moment: true,
      value: (row) => row.expires_at ?? undefined,
      cell: (row) => (row.expires_at ? new Date(row.expires_at).toLocaleDateString() : "never"),
    },
    {
      id: "delete",
      header: "",
      value: () => undefined,
      cell: (row) => (
        <Button
          size="compact-xs"
          variant="default"
          aria-label={`Delete the token for ${row.name}`}
          onClick={() => remove.mutate({ params: { path: { token_id: row.id } } })}
        >
          Delete
        </Button>
      ),
    },
  ];
  return (
    <Paper withBorder p="md" role="region" aria-label="Access tokens">
      <Title order={4}>Access tokens</Title>
      <Text size="sm" c="dimmed" mb="sm">
        For programs of yours, such as scripts and notebooks. A token may no more than you.
      </Text>
      <NewToken made={() => void queries.invalidateQueries({ queryKey: LISTED.queryKey })} />
      <DataTable
        rows={data}
        columns={columns}
        caption="Tokens"
        minWidth={520}
        empty="You have none."
      />
    </Paper>
  );
}

function NewToken({ made }: { made: () => void }) {
  const { person, url } = useWho();
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Right>("read");
  const [days, setDays] = useState("90");
  const { mutate, isPending, data, error } = api.useMutation("post", "/api/tokens", {
    onSuccess: () => {
      setName("");
      made();
    },
  });
  return (
    <>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          mutate({ body: { name, scope, days: days === "" ? null : Number(days) } });
        }}
      >
        <Group align="flex-start" gap="xs">
          <TextInput
            size="xs"
            label="What it is for"
            placeholder="my notebook"
            required
            withAsterisk={false}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={saidOf(error, "name")}
          />
          <Select
            size="xs"
            w={{ base: "100%", sm: 300 }}
            label="What it may"
            allowDeselect={false}
            data={(person?.rights ?? []).map((right) => ({ value: right, label: SCOPES[right] }))}
            value={scope}
            onChange={(value) => setScope(value as Right)}
          />
          <Select
            size="xs"
            w={150}
            label="For how long"
            allowDeselect={false}
            data={DAYS.map((value) => ({
              value,
              label: value === "" ? "until deleted" : `${value} days`,
            }))}
            value={days}
            onChange={(value) => setDays(value ?? "90")}
          />
          <Button size="xs" mt={22} type="submit" loading={isPending}>
            Make
          </Button>
        </Group>
      </form>
      {error && !saidOf(error, "name") && (
        <Text size="sm" c="red" mt="xs" role="alert">
          {sentence(error)}
        </Text>
      )}
      {data && (
        <div style={{ margin: "12px 0" }}>
          <SecretOnce
            key={data.id}
            title={`The token for ${data.name}`}
            secret={data.secret}
            noun="token"
          >
            <Text size="sm">Keep it as you keep passwords, for example in LORAONE_TOKEN:</Text>
            <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
              {`curl -H "Authorization: Bearer $LORAONE_TOKEN" ${url}/api/experiments`}
            </Code>
          </SecretOnce>
        </div>
      )}
    </>
  );
}
