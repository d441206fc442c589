import type { Schemas } from "../../api/client";

type Head = Schemas["RunColumnOut"];

const KINDS: Record<Head["kind"], string> = { run: "Run", spec: "Asked for", result: "Results" };

/** Columns as the options of a field, under what they are about. */
export function grouped(columns: Head[]) {
  return (Object.keys(KINDS) as Head["kind"][]).map((kind) => ({
    group: KINDS[kind],
    items: columns
      .filter((one) => one.kind === kind)
      .map(({ name, label }) => ({ value: name, label })),
  }));
}
