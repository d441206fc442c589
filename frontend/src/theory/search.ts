/** The Theory lab's URL: a preset or what is stored, and what was changed in it, path by path. */

import type { ExperimentSpec } from "../api/client";
import { valueAt, withValue } from "../spec/path";
import { type JsonSchema, nodeAt } from "../spec/schema";
import { whole } from "../ui/searchParams";

export type Changes = Record<string, unknown>;

export interface TheorySearch {
  preset?: string;
  /** The experiment, or the single run, that is the template. */
  from?: number;
  run?: number;
  changes?: Changes;
}

export function theorySearch(raw: Record<string, unknown>): TheorySearch {
  const { preset, changes } = raw;
  const from = whole(raw.from);
  const run = whole(raw.run);
  const search: TheorySearch = {};
  if (typeof preset === "string" && preset !== "") search.preset = preset;
  if (from) search.from = from;
  if (run) search.run = run;
  if (changes && typeof changes === "object" && !Array.isArray(changes)) {
    search.changes = changes as Changes;
  }
  return search;
}

/** The preset with its changes; a path that the spec does not have is left out. */
export function applied(start: ExperimentSpec, changes: Changes = {}): ExperimentSpec {
  let spec = start;
  for (const [path, value] of Object.entries(changes)) {
    const [first = "", second] = path.split(".");
    const parent = second === undefined ? spec : valueAt(spec, first);
    if (parent === null || parent === undefined) continue;
    spec = withValue(spec, path, value);
  }
  return spec;
}

/**
 * The changes with this value too, instead of those within it; a value that it would have without
 * them is no change.
 */
export function changed(
  start: ExperimentSpec,
  changes: Changes,
  path: string,
  value: unknown,
): Changes {
  const within = (other: string) => other === path || other.startsWith(`${path}.`);
  const others = Object.fromEntries(Object.entries(changes).filter(([other]) => !within(other)));
  const before = valueAt(applied(start, others), path);
  const same = JSON.stringify(before) === JSON.stringify(value);
  return same ? others : { ...others, [path]: value };
}

/** Whether stored changes can still be made: each is of a field that there is. */
export function areChanges(schema: JsonSchema, stored: unknown): stored is Changes {
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) return false;
  // A method's parameters are in the schema of its row.
  const paths = Object.keys(stored).map((path) => path.replace(/\.params\..*/, ".params"));
  return paths.every((path) => nodeAt(schema, path) !== undefined);
}

/** The first `count` seeds from 0. */
export function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
