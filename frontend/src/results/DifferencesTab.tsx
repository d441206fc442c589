import { Skeleton, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "../api/client";
import { DataTable } from "../ui/DataTable";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { shownValue } from "./runs/columns";
import type { ViewProps } from "./subject";

type Row = Schemas["DifferenceOut"];

/** What was asked for differently: between experiments, or between the methods of an experiment. */
export function DifferencesTab({ subject, search }: ViewProps) {
  const { data, error } = api.useQuery("get", "/api/overview", {
    params: { query: { of: subject.of, judge: search.judge } },
  });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={200} />;
  const groups = Object.keys(data.differences[0]?.values ?? {});
  const columns: Column<Row>[] = [
    {
      id: "field",
      header: "Field",
      value: (row) => row.title,
      cell: (row) => (
        <>
          <Text size="sm">{row.title}</Text>
          <Text size="xs" c="dimmed">
            {row.path}
          </Text>
        </>
      ),
    },
    ...groups.map((name): Column<Row> => {
      const words = (row: Row) =>
        (row.values[name] ?? []).map((value) => shownValue(row.path, value as string)).join(", ");
      return { id: name, header: name, value: words };
    }),
  ];
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">
        Fields of the specs whose values are not the same everywhere. What is not listed is equal.
      </Text>
      <DataTable
        rows={data.differences}
        columns={columns}
        caption="Differences"
        minWidth={220 * (groups.length + 1)}
        empty="Nothing differs."
      />
    </Stack>
  );
}
