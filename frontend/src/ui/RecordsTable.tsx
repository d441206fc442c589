import { Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { DataTable } from "./DataTable";
import { heading, quantity } from "./format";
import type { Cell, Column, Records } from "./table";
import { Unanswered } from "./Unanswered";

/** Where records come from; `key` is another one where they are others. */
export interface RecordsSource {
  key: string;
  read: () => Promise<Records>;
}

interface Props {
  source: RecordsSource;
  caption: string;
}

/** The numbers behind a figure. */
export function RecordsTable({ source, caption }: Props) {
  const { data, error } = useQuery({ queryKey: ["records", source.key], queryFn: source.read });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={200} />;
  const { left_out = 0 } = data;
  return (
    <>
      {left_out > 0 && (
        <Text size="sm" c="dimmed">
          The first {quantity(data.data.length)} rows; {quantity(left_out)} more are in the figure's
          files.
        </Text>
      )}
      <DataTable
        rows={data.data}
        columns={columnsOf(data)}
        caption={left_out > 0 ? `${caption}, the first rows` : caption}
        minWidth={110 * data.columns.length}
        empty="There is nothing to show yet."
        order={left_out > 0 ? "fixed" : undefined}
      />
    </>
  );
}

function columnsOf({ columns, data }: Records): Column<Cell[]>[] {
  return columns.map((name, index) => {
    const values = data.map((row) => row[index]);
    const numeric = values.every((value) => value === null || typeof value === "number");
    return {
      id: name,
      header: heading(name),
      numeric,
      value: (row) => (row[index] === null ? undefined : (row[index] as string | number)),
      cell: (row) => cell(row[index] ?? null),
    };
  });
}

function cell(value: Cell): string {
  if (value === null) return "–";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? String(value) : quantity(value);
}
