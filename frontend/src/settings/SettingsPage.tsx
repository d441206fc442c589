import {
  Button,
  Code,
  Group,
  MultiSelect,
  Paper,
  SegmentedControl,
  SimpleGrid,
  Skeleton,
  Stack,
  Text,
  Title,
  useMantineColorScheme,
} from "@mantine/core";
import { api, type Schemas } from "../api/client";
import { grouped } from "../results/runs/columns";
import { useRunColumns } from "../results/runs/useRunColumns";
import { breaking } from "../ui/breaking";
import { DataTable } from "../ui/DataTable";
import { bytes, quantity } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { Bin } from "./Bin";
import { StoredExperiments } from "./StoredExperiments";

/** What this browser prefers, what the server stores, and how it was set up. */
export function SettingsPage() {
  return (
    <Stack>
      <Title order={2}>Settings</Title>
      <Preferences />
      <Server />
    </Stack>
  );
}

function Preferences() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  const [columns, setColumns, forgetColumns] = useRunColumns(catalog?.usual_run_columns ?? []);
  return (
    <Paper withBorder p="md">
      <Title order={4}>This browser</Title>
      <Text size="sm" fw={500} mt="sm" mb={4}>
        Theme
      </Text>
      <SegmentedControl
        aria-label="Theme"
        value={colorScheme}
        onChange={(value) => setColorScheme(value as "auto")}
        data={[
          { value: "auto", label: "As the system" },
          { value: "light", label: "Light" },
          { value: "dark", label: "Dark" },
        ]}
      />
      <MultiSelect
        mt="md"
        label="Columns of a table of runs"
        description="Where a link names none; columns that no run has a value in are left out"
        searchable
        hidePickedOptions
        data={grouped(catalog?.run_columns ?? [])}
        value={columns}
        onChange={setColumns}
      />
      <Group mt="xs">
        <Button size="compact-sm" variant="subtle" onClick={forgetColumns}>
          Back to the usual columns
        </Button>
      </Group>
    </Paper>
  );
}

function Server() {
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
        <StoredExperiments />
      </Paper>
      <Bin />
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
