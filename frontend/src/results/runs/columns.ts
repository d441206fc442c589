/** The columns of a table of runs: how a field offers them, and how their values read. */

import type { Schemas } from "../../api/client";
import { bytes, quantity, rate, seconds } from "../../ui/format";

type Head = Schemas["RunColumnOut"];
type Value = Schemas["RunTableOut"]["rows"][number][string];

const KINDS: Record<Head["kind"], string> = { run: "Run", spec: "Asked for", result: "Results" };

/** Columns as the options of a field, under what they are about. */
export function grouped(columns: Head[]) {
  return (Object.keys(KINDS) as Head["kind"][]).map((kind) => ({
    group: KINDS[kind],
    items: columns
      .filter((column) => column.kind === kind)
      .map(({ name, label }) => ({ value: name, label })),
  }));
}

const WHOLE = ["run_id", "experiment_id", "seed", "rank"];

/** A cell's value as people read it. */
export function shownValue(name: string, value: Value, unit = ""): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number" || WHOLE.includes(name)) return String(value);
  if (name === "learning_rate") return rate(value);
  if (name === "seconds") return seconds(value);
  if (unit === "bytes") return bytes(value);
  return quantity(value);
}
