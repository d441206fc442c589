import { expect, test } from "vitest";
import type { Catalog } from "../api/client";
import openapi from "../api/openapi.json";
import { WIDGETS } from "../spec/Field";
import { isShown } from "../spec/layout";
import { valueAt, withValue } from "../spec/path";
import type { Node } from "../spec/schema";
import { unshown } from "../spec/unshown";
import { fieldsRead, fieldsShown } from "./labFields";

const SCHEMA = {
  ...(openapi.components.schemas.ExperimentSpec as unknown as Node),
  $defs: openapi.components.schemas as unknown as Record<string, Node>,
};
const USUAL = Object.fromEntries(
  Object.entries(SCHEMA.properties ?? {}).map(([name, { default: value }]) => [name, value]),
);
const PROBLEM = { ...USUAL, task: "teacher-student" } as unknown as Parameters<typeof unshown>[0];
const CATALOG = { methods: [], theory: [{ spec: PROBLEM }] } as unknown as Catalog;

test("every number of a problem, its grid and its training has an input", () => {
  const fields = fieldsRead(SCHEMA);
  const paths = fields.map(({ path }) => path);
  for (const section of ["problem", "grid", "training"]) {
    const names = Object.keys(valueAt(USUAL, section) as object);
    expect(names.length).toBeGreaterThan(2);
    expect(paths).toEqual(expect.arrayContaining(names.map((name) => `${section}.${name}`)));
  }
  expect(fields.filter(({ widget }) => !(widget in WIDGETS))).toEqual([]);
  expect(new Set(paths).size).toBe(paths.length);
});

test("what a problem does not read is not asked for", () => {
  const shown = fieldsRead(SCHEMA).filter((field) => isShown(field, PROBLEM, []));
  expect(shown.map(({ path }) => path)).not.toContain("training.batch_size");
  expect(shown.map(({ path }) => path)).toContain("training.schedule");
});

test("the lab says what else would be solved: another task, and fields that it does not know", () => {
  const of = (spec: typeof PROBLEM) =>
    unshown(spec, SCHEMA, CATALOG, fieldsShown(spec, SCHEMA, CATALOG)).map(({ path }) => path);
  const swept = withValue(PROBLEM, "sweep", { parameter: "noise", values: [0, 1] });
  expect(of(withValue(swept, "problem.noise", 1))).toEqual([]);
  expect(of({ ...PROBLEM, task: "another-problem" })).toEqual(["task"]);
  expect(of(withValue(PROBLEM, "problem.of_tomorrow", 1))).toEqual(["problem.of_tomorrow"]);
});
