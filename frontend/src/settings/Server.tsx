import { Code, Paper, SimpleGrid, Skeleton, Text, Title } from "@mantine/core";
import { api, type Schemas } from "../api/client";
import { breaking } from "../ui/breaking";
import { DataTable } from "../ui/DataTable";
import { bytes, quantity } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";

/** What the server stores, and how it was set up. */
export function Server() {
  const { data, error } = api.useQuery("get", "/api/server");
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={300} />;
  const facts: [string, string][] = [
    ["Experiments", quantity(data.experiments)],
    ["Runs", quantity(data.runs)],
    ["Database", bytes(data.database_bytes)],
    ["Adapters and directions", bytes(data.artifacts_bytes)],
    ["Free on the disk", bytes(data.free_bytes)],
  ];
  return (
    <>
      <Paper withBorder p="md" role="region" aria-label="Storage">
        <Title order={4}>Storage</Title>
        <SimpleGrid cols={{ base: 2, sm: 5 }} mt="sm">
          {facts.map(([name, value]) => (
            <div key={name}>
              <Text size="xs" c="dimmed">
                {name}
              </Text>
              <Text size="lg" fw={600}>
                {value}
              </Text>
            </div>
          ))}
        </SimpleGrid>
      </Paper>
      <Paper withBorder p="md">
        <Title order={4}>Server {data.version}</Title>
        <Text size="sm" c="dimmed" mb="xs">
          Set by environment variables when it is started.
        </Text>
        <DataTable rows={data.settings} columns={SETTINGS} caption="Settings of the server" />
      </Paper>
    </>
  );
}

const SETTINGS: Column<Schemas["SettingOut"]>[] = [
  {
    id: "name",
    header: "Variable",
    value: (row) => row.name,
    cell: (row) => <Code>{row.name}</Code>,
  },
  {
    id: "value",
    header: "Value",
    value: (row) => row.value,
    cell: (row) => <span style={breaking(row.value)}>{row.value || "–"}</span>,
  },
  {
    id: "description",
    header: "Meaning",
    value: (row) => row.description,
    cell: (row) => (
      <Text size="sm" c="dimmed">
        {row.description}
      </Text>
    ),
  },
];
