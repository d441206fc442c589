import { expect, test } from "vitest";
import type { Catalog, ExperimentSpec } from "../api/client";
import openapi from "../api/openapi.json";
import { withValue } from "./path";
import type { Node } from "./schema";
import { unshown } from "./unshown";

const SCHEMA = {
  ...(openapi.components.schemas.ExperimentSpec as unknown as Node),
  $defs: openapi.components.schemas as unknown as Record<string, Node>,
};
const USUAL = Object.fromEntries(
  Object.entries(SCHEMA.properties ?? {}).map(([name, { default: value }]) => [name, value]),
) as unknown as ExperimentSpec;
const LORA_ONE = { properties: { scale: { type: "string" }, gamma: { type: "number" } } };
const CATALOG = {
  methods: [
    { name: "lora", params: {} },
    { name: "lora_one", params: LORA_ONE },
  ],
} as unknown as Catalog;

const of = (spec: ExperimentSpec) => unshown(spec, SCHEMA, CATALOG).map(({ path }) => path);

test("a spec whose every value has a field, or is the default, has nothing unseen", () => {
  expect(of(USUAL)).toEqual([]);
  const changed = withValue(withValue(USUAL, "grid.ranks", [4]), "measure.intruders", true);
  expect(of(changed)).toEqual([]);
  // Hidden for now: its place in the form is known, and it is not read.
  expect(of(withValue(USUAL, "measure.hessian_samples", 3))).toEqual([]);
});

test("the problem of a teacher–student spec, its sweep, and an unknown section are said", () => {
  const condition = withValue(USUAL, "problem.condition", 30);
  expect(unshown(condition, SCHEMA, CATALOG)).toEqual([
    { path: "problem.condition", label: "Condition κ", value: 30 },
  ]);
  const sweep = { parameter: "condition", values: [1, 10, 100] };
  expect(of(withValue(USUAL, "sweep", sweep))).toEqual(["sweep.parameter", "sweep.values"]);
  const plugin = { rate: 3, inner: { depth: 2 } };
  expect(of({ ...USUAL, plugin } as ExperimentSpec)).toEqual(["plugin.rate", "plugin.inner.depth"]);
  expect(of(withValue(USUAL, "training.of_tomorrow", 1))).toEqual(["training.of_tomorrow"]);
});

test("the parameters of a method that is not here, and unknown ones, are said", () => {
  const methods = [
    { name: "lora_one", params: { scale: "spectral", gamma: 1 }, learning_rates: [1e-3] },
    { name: "gone", params: { depth: 3 } },
    { name: "lora", params: { depth: 4 }, colour: "red" },
  ];
  expect(of(withValue(USUAL, "methods", methods))).toEqual([
    "methods.1.params.depth",
    "methods.2.params.depth",
    "methods.2.colour",
  ]);
});
