/** Tables as CSV and as rows of numbers and words. */

import { csvFormatRows, csvParseRows } from "d3-dsv";
import type { Cell, Column, Records } from "./table";

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
  return csvFormatRows([columns.map(harmless), ...data.map((row) => row.map(written))]);
}

/** A cell as the server writes it: no number is empty, and the infinite ones are `inf`. */
function written(cell: Cell): string {
  if (cell === null || (typeof cell === "number" && Number.isNaN(cell))) return "";
  if (typeof cell === "number") return String(cell).replace("Infinity", "inf");
  return harmless(String(cell));
}

/** A spreadsheet takes a word that begins so for a formula; an apostrophe in front makes it text. */
const FORMULA = /^[=+\-@\t\n]/;

function harmless(text: string): string {
  const word = text.replace(/\r\n?/g, "\n");
  return FORMULA.test(word) && !isNumber(word) ? `'${word}` : word;
}

const NOT_FINITE = /^[+-]?(inf|infinity|nan)$/i;

/** Whether it is a number to the server, whose Python reads more words as such. */
function isNumber(text: string): boolean {
  const word = text.trim().replace(/(?<=\d)_(?=\d)/g, "");
  return word !== "" && (NOT_FINITE.test(word) || !Number.isNaN(Number(word)));
}

/** A table that came as CSV. */
export function recordsOf(text: string): Records {
  const [columns = [], ...rows] = csvParseRows(text);
  return {
    columns: columns.map(bare),
    data: rows.map((row) => row.map((word) => cell(bare(word)))),
  };
}

function bare(word: string): string {
  return word.startsWith("'") && FORMULA.test(word.slice(1)) ? word.slice(1) : word;
}

function cell(word: string): string | number | null {
  if (word === "") return null;
  const value = Number(word);
  return Number.isNaN(value) ? word : value;
}
