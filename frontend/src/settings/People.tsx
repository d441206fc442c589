import { Badge, Group, Paper, Select, Skeleton, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Schemas, sentence } from "../api/client";
import { PersonAvatar } from "../people/PersonAvatar";
import { SecretOnce } from "../people/SecretOnce";
import { Used } from "../people/Usage";
import { ME, type Role, useWho } from "../people/who";
import { DataTable } from "../ui/DataTable";
import { ago } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { Invitations } from "./Invitations";
import { InvitePerson } from "./InvitePerson";
import type { MadeLink } from "./madeLink";
import { PersonActions } from "./PersonActions";
import { isNamed, state } from "./persons";
import { ROLES, usePeopleChanged } from "./roles";

type Person = Schemas["PersonOut"];

const USED: { name: Schemas["QuotaOut"]["name"]; header: string }[] = [
  { name: "runs", header: "Queued" },
  { name: "disk_gb", header: "Disk, GB" },
  { name: "lane_hours", header: "Lane h, 7 d" },
];

/** Everybody here: their roles, who may sign in, and links for those who are to. */
export function People() {
  const { auth } = useWho();
  const { data, error } = api.useQuery("get", "/api/people", {}, { staleTime: 0 });
  const [made, setMade] = useState<MadeLink>();
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={300} />;
  const columns: Column<Person>[] = [
    {
      id: "name",
      header: "Name",
      value: (row) => row.name,
      cell: (row) => (
        <Group gap={8} wrap="nowrap">
          <PersonAvatar name={row.name} colour={row.colour} />
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {row.name}
          </Text>
        </Group>
      ),
    },
    {
      id: "role",
      header: "Role",
      value: (row) => row.role,
      cell: (row) => (isNamed(row) ? "–" : <RoleChoice person={row} />),
    },
    {
      id: "state",
      header: "Signs in",
      value: (row) => state(row),
      cell: (row) => (
        <Badge variant={row.account ? "light" : "default"} size="sm" tt="none" radius="sm">
          {state(row)}
        </Badge>
      ),
    },
    {
      id: "seen",
      header: "Last here",
      moment: true,
      value: (row) => row.more?.seen_at ?? undefined,
      cell: (row) => (row.more?.seen_at ? ago(row.more.seen_at) : "–"),
    },
    {
      id: "experiments",
      header: "Experiments",
      numeric: true,
      value: (row) => row.more?.experiments,
    },
    ...USED.map(({ name, header }): Column<Person> => {
      const quota = (row: Person) => row.more?.usage.find((each) => each.name === name);
      return {
        id: name,
        header,
        numeric: true,
        value: (row) => quota(row)?.used,
        cell: (row) => <Used quota={quota(row)} />,
      };
    }),
    {
      id: "actions",
      header: "",
      value: () => undefined,
      cell: (row) => <PersonActions person={row} people={data} made={setMade} />,
    },
  ];
  return (
    <Stack>
      <Paper withBorder p="md" role="region" aria-label="People">
        <Title order={4}>People</Title>
        <Text size="sm" c="dimmed" mb="sm">
          Viewers look; editors launch and change what is theirs; administrators decide. Who is a
          name alone launched something before there were accounts.
        </Text>
        {auth === "local" && <InvitePerson made={setMade} />}
        {made && (
          <div style={{ margin: "12px 0" }}>
            <SecretOnce key={made.id} title={made.title} secret={made.link} noun="link">
              <Text size="sm">
                It works once, until {new Date(made.expires_at).toLocaleString()}. Send it to them
                alone.
              </Text>
            </SecretOnce>
          </div>
        )}
        <DataTable rows={data} columns={columns} caption="People" minWidth={980} />
      </Paper>
      {auth === "local" && <Invitations />}
    </Stack>
  );
}

function RoleChoice({ person }: { person: Person }) {
  const queries = useQueryClient();
  const { person: me } = useWho();
  const changed = usePeopleChanged();
  const { mutate, isPending, variables } = api.useMutation("patch", "/api/people/{person_id}", {
    onSuccess: () => {
      // One's own role decides what the page offers.
      if (person.id === me?.id) void queries.invalidateQueries({ queryKey: ME.queryKey });
      return changed();
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not changed", message: sentence(error) }),
  });
  return (
    <Select
      size="xs"
      w={150}
      aria-label={`Role of ${person.name}`}
      allowDeselect={false}
      data={ROLES}
      value={(isPending && variables.body.role) || person.role}
      onChange={(role) =>
        mutate({ params: { path: { person_id: person.id } }, body: { role: role as Role } })
      }
    />
  );
}
