import { expect, test } from "vitest";
import type { ExperimentSpec } from "../api/client";
import { likeSpec } from "./likeSpec";

const SPEC = {
  name: "x",
  model: { id: "builtin:minilm", targets: "all-linear" },
  grid: { ranks: [8], seeds: [0] },
  methods: [{ name: "lora", params: {} }],
  sweep: null,
} as unknown as ExperimentSpec;

const stored = (change: object) => likeSpec(SPEC, { ...SPEC, ...change });

test("what a form made of a spec is like it, also while it is wrong", () => {
  expect(likeSpec(SPEC, SPEC)).toBe(true);
  expect(stored({ name: "", grid: { ranks: ["many"], seeds: [] } })).toBe(true);
  expect(stored({ model: { id: "x", targets: ["query"] } })).toBe(true);
  expect(stored({ sweep: { parameter: "condition", values: [1] } })).toBe(true);
  expect(stored({ methods: [] })).toBe(true);
});

test("what another release wrote is not: a field more or less, or of another kind", () => {
  const others = [null, 3, "x", [], {}, { ...SPEC, gone: 1 }];
  expect(others.filter((other) => likeSpec(SPEC, other))).toEqual([]);
  expect(stored({ grid: { ranks: [8] } })).toBe(false);
  expect(stored({ grid: { ranks: [8], seeds: [0], batches: [1] } })).toBe(false);
  expect(stored({ grid: [8] })).toBe(false);
  expect(stored({ name: { first: "x" } })).toBe(false);
  for (const methods of ["lora", ["lora"], [{ params: {} }], [null]]) {
    expect(stored({ methods })).toBe(false);
  }
});
