/** A table that came as CSV, as rows of numbers and words. */

import { csvParseRows } from "d3-dsv";
import type { Records } from "../components/RecordsTable";

export function recordsOf(text: string): Records {
  const [columns = [], ...rows] = csvParseRows(text);
  return { columns, data: rows.map((row) => row.map(cell)) };
}

function cell(word: string): string | number | null {
  if (word === "") return null;
  const value = Number(word);
  return Number.isNaN(value) ? word : value;
}
