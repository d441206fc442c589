/** Tables as CSV and as rows of numbers and words. */

import { csvFormatRows, csvParseRows } from "d3-dsv";
import type { Column, Records } from "./table";

/** Rows as a table shows them, with the deviations as columns of their own; no buttons. */
export function recordsOfTable<T>(rows: T[], columns: Column<T>[]): Records {
  const shown = columns.filter(({ header, head }) => header !== "" && head === undefined);
  const values = shown.flatMap(({ header, value, deviation }) => [
    { header, value },
    ...(deviation ? [{ header: `${header} ±`, value: deviation }] : []),
  ]);
  return {
    columns: values.map(({ header }) => header),
    data: rows.map((row) => values.map(({ value }) => value(row) ?? null)),
  };
}

export function csvOf({ columns, data }: Records): string {
  return csvFormatRows([
    columns,
    ...data.map((row) => row.map((cell) => (cell === null ? "" : String(cell)))),
  ]);
}

/** A table that came as CSV. */
export function recordsOf(text: string): Records {
  const [columns = [], ...rows] = csvParseRows(text);
  return { columns, data: rows.map((row) => row.map(cell)) };
}

function cell(word: string): string | number | null {
  if (word === "") return null;
  const value = Number(word);
  return Number.isNaN(value) ? word : value;
}
