import { Group, MultiSelect, Skeleton, Stack, Switch } from "@mantine/core";
import { keepPreviousData } from "@tanstack/react-query";
import { address } from "../api/address";
import { api, type Run, type Schemas } from "../api/client";
import { DataTable } from "../ui/DataTable";
import { Download } from "../ui/Download";
import { withUnit } from "../ui/format";
import { Outdated } from "../ui/Outdated";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { grouped, shownValue } from "./runs/columns";
import { RunActions } from "./runs/RunActions";
import { RunStatus } from "./runs/RunStatus";
import { SharedNotes, sharedNotes } from "./runs/SharedNotes";
import { useRunColumns } from "./runs/useRunColumns";
import type { ViewProps } from "./subject";
import { Toolbar } from "./Toolbar";

type Head = Schemas["TableColumnOut"];
type Row = Schemas["RunTableOut"]["rows"][number];

/** Every run with all that was asked of it and all that came out; columns are chosen. */
export function RunsTab({ subject, search, change, catalog }: ViewProps) {
  const [usual] = useRunColumns(catalog.usual_run_columns);
  const { data, error, isPlaceholderData } = api.useQuery(
    "get",
    "/api/runs",
    { params: { query: { of: subject.of } } },
    { placeholderData: keepPreviousData },
  );
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={300} />;
  const chosen = search.columns ?? usual;
  const shown = data.columns.filter(({ name, differs }) =>
    search.differs ? differs : chosen.includes(name),
  );
  const shared = sharedNotes(subject.runs);
  const runs = new Map(subject.runs.map((run) => [run.id, run]));
  const file = (format: string) => {
    const query = new URLSearchParams(subject.of.map((item) => ["of", item]));
    return address(`/api/runs/file?${query}&format=${format}`);
  };
  return (
    <Stack gap="xs">
      <Toolbar>
        <MultiSelect
          label="Columns"
          size="xs"
          w={{ base: "100%", sm: 420 }}
          searchable
          hidePickedOptions
          disabled={search.differs}
          nothingFoundMessage="Nothing fits"
          data={grouped(data.columns)}
          value={data.columns.map(({ name }) => name).filter((name) => chosen.includes(name))}
          onChange={(columns) => change({ columns })}
        />
        <Switch
          label="Only what differs"
          size="xs"
          mb={6}
          checked={search.differs ?? false}
          onChange={(event) => change({ differs: event.currentTarget.checked || undefined })}
        />
        <Group gap="sm" mb={4}>
          <Download href={file("csv")}>All columns as CSV</Download>
          <Download href={file("parquet")}>Parquet</Download>
        </Group>
      </Toolbar>
      <SharedNotes shared={shared} />
      <Outdated when={isPlaceholderData}>
        <DataTable
          rows={data.rows}
          columns={[...shown.map((head) => column(head, data.rows, runs, shared)), actions(runs)]}
          caption="Runs"
          minWidth={110 * shown.length}
          empty="No run yet."
        />
      </Outdated>
    </Stack>
  );
}

function column(
  head: Head,
  rows: Row[],
  runs: Map<number, Run>,
  shared: Map<number, string[]>,
): Column<Row> {
  const { name, label, unit } = head;
  const value = (row: Row) => row[name];
  return {
    id: name,
    // Cells in bytes have their own unit.
    header: withUnit(label, unit === "bytes" ? "" : unit),
    numeric: rows.every((row) => typeof (value(row) ?? 0) === "number"),
    value: (row) => {
      const plain = value(row);
      return typeof plain === "boolean" ? String(plain) : (plain ?? undefined);
    },
    cell: (row) => {
      const run = runs.get(Number(row.run_id));
      if (name === "status" && run) {
        return <RunStatus run={run} shared={shared.get(run.experiment_id)} />;
      }
      return shownValue(name, value(row) ?? null, unit);
    },
  };
}

function actions(runs: Map<number, Run>): Column<Row> {
  return {
    id: "actions",
    header: "",
    value: () => undefined,
    cell: (row) => {
      const run = runs.get(Number(row.run_id));
      return run && <RunActions run={run} />;
    },
  };
}
