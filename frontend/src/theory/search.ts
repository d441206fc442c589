/** The Theory lab's URL: a preset, and what was changed in it, path by path. */

import type { ExperimentSpec } from "../api/client";
import { valueAt, withValue } from "../spec/path";

type Changes = Record<string, unknown>;

interface TheorySearch {
  preset?: string;
  from?: number;
  changes?: Changes;
}

export function theorySearch(raw: Record<string, unknown>): TheorySearch {
  const { preset, from, changes } = raw;
  const search: TheorySearch = {};
  if (typeof preset === "string" && preset !== "") search.preset = preset;
  if (Number.isInteger(from) && (from as number) > 0) search.from = from as number;
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
    const parent = second === undefined ? start : valueAt(start, first);
    if (parent === null || parent === undefined) continue;
    spec = withValue(spec, path, value);
  }
  return spec;
}

/** The changes with this value too; a value that is the preset's again is no change. */
export function changed(
  start: ExperimentSpec,
  changes: Changes,
  path: string,
  value: unknown,
): Changes {
  const { [path]: _, ...others } = changes;
  const same = JSON.stringify(valueAt(start, path)) === JSON.stringify(value);
  return same ? others : { ...others, [path]: value };
}

/** The first `count` seeds from 0. */
export function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
