import { expect, test } from "vitest";
import type { ExperimentSpec } from "../api/client";
import { applied, areChanges, changed, seeds, theorySearch } from "./search";

const START = {
  task: "teacher-student",
  problem: { condition: 1, inputs: 64 },
  grid: { ranks: [8], seeds: [0] },
  sweep: null,
} as unknown as ExperimentSpec;

test("changes are put into the preset, path by path, and the preset stays as it is", () => {
  const spec = applied(START, { "problem.condition": 10, "grid.ranks": [4] });
  expect(spec.problem?.condition).toBe(10);
  expect(spec.problem?.inputs).toBe(64);
  expect(spec.grid?.ranks).toEqual([4]);
  expect(START.problem?.condition).toBe(1);
});

test("a sweep that the preset does not have can be switched on as a whole", () => {
  const sweep = { parameter: "condition", values: [1, 10] };
  expect(applied(START, { sweep }).sweep).toEqual(sweep);
  expect(applied(START, { "sweep.values": [1] }).sweep).toBeNull();
});

test("the values of a sweep that was switched on can be changed, and go with it", () => {
  const noise = { parameter: "noise", values: [0, 1] };
  const on = changed(START, {}, "sweep", noise);
  const edited = changed(START, on, "sweep.values", [0, 2]);
  expect(applied(START, edited).sweep).toEqual({ parameter: "noise", values: [0, 2] });
  expect(changed(START, edited, "sweep", noise)).toEqual(on);
  expect(changed(START, edited, "sweep", null)).toEqual({});
  // Of a preset with another sweep, whose values mean nothing here.
  const start = { ...START, sweep: { parameter: "condition", values: [0, 2] } } as ExperimentSpec;
  const other = changed(start, changed(start, {}, "sweep", noise), "sweep.values", [0, 2]);
  expect(applied(start, other).sweep).toEqual({ parameter: "noise", values: [0, 2] });
});

test("a value that is the preset's again is no change", () => {
  const once = changed(START, {}, "problem.condition", 10);
  expect(once).toEqual({ "problem.condition": 10 });
  expect(changed(START, once, "problem.condition", 1)).toEqual({});
  expect(changed(START, once, "grid.seeds", [0])).toEqual(once);
});

test("a mangled link shows the default view", () => {
  expect(theorySearch({ preset: 3, from: "x", changes: [1] })).toEqual({});
  expect(theorySearch({ preset: "O3", changes: { "problem.noise": 1 } })).toEqual({
    preset: "O3",
    changes: { "problem.noise": 1 },
  });
});

test("seeds count from zero", () => {
  expect(seeds(3)).toEqual([0, 1, 2]);
});

test("a link names the run that is the template", () => {
  expect(theorySearch({ run: 7, from: 3 })).toEqual({ run: 7, from: 3 });
  expect(theorySearch({ run: -1, from: 0 })).toEqual({});
});

test("stored changes are of fields that there are; others are those of another release", () => {
  const schema = {
    properties: {
      problem: { properties: { condition: { type: "number" } } },
      methods: { items: { properties: { params: { type: "object" } } } },
    },
  };
  expect(areChanges(schema, { "problem.condition": 3, "methods.0.params.gamma": 1 })).toBe(true);
  for (const stored of [null, 3, ["problem.condition"], { "problem.gone": 1 }, { gone: 1 }]) {
    expect(areChanges(schema, stored)).toBe(false);
  }
});
