import {
  Button,
  Group,
  MultiSelect,
  Paper,
  SegmentedControl,
  Text,
  Title,
  useMantineColorScheme,
} from "@mantine/core";
import { api } from "../api/client";
import { grouped } from "../results/runs/columns";
import { useRunColumns } from "../results/runs/useRunColumns";

/** What this browser prefers. */
export function Preferences() {
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
