import { Anchor, Group } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { address } from "../api/address";
import { unreachable, withProblem } from "../api/answer";
import { sentence } from "../api/client";
import { credentials } from "../api/credentials";
import { csvOf, recordsOfTable } from "./csv";
import { fileName } from "./fileName";
import { useOutdated } from "./Outdated";
import { save } from "./save";
import type { Column } from "./table";

interface Props<T> {
  rows: T[];
  columns: Column<T>[];
  caption: string;
}

/** A table as it is shown, as a file: all its rows, numbers with all their digits. */
export function TableFiles<T>({ rows, columns, caption }: Props<T>) {
  const outdated = useOutdated();
  if (rows.length === 0) return null;
  const records = () => recordsOfTable(rows, columns);
  const name = fileName(caption);
  const parquet = async () => {
    try {
      const response = await fetch(address("/api/tables/parquet"), {
        method: "POST",
        headers: { "Content-Type": "application/json", ...credentials() },
        body: JSON.stringify(records()),
      }).catch(unreachable);
      if (!response.ok) throw await (await withProblem(response)).json();
      save(await response.blob(), `${name}.parquet`);
    } catch (error) {
      notifications.show({ color: "red", title: "Not saved", message: sentence(error) });
    }
  };
  const csv = () => save(new Blob([csvOf(records())], { type: "text/csv" }), `${name}.csv`);
  return (
    <Group justify="flex-end" gap="sm" mt={4}>
      {(["CSV", "Parquet"] as const).map((format) => (
        <Anchor
          key={format}
          size="xs"
          component="button"
          type="button"
          disabled={outdated}
          aria-label={`${caption} as ${format}`}
          onClick={() => (format === "CSV" ? csv() : void parquet())}
        >
          {format}
        </Anchor>
      ))}
    </Group>
  );
}
