import { expect, test } from "vitest";
import type { Run } from "./client";
import { type Change, merged } from "./live";

const change: Change = {
  run: 7,
  experiment: 1,
  status: "running",
  phase: "train",
  done: 3,
  total: 40,
  lane: "CPU",
};

test("a change moves its run and leaves every other run the same object", () => {
  const run = { id: 7, status: "queued", phase: null, done: 0, total: 0, seed: 1 } as Run;
  const other = { ...run, id: 8 };
  expect(merged(run, change)).toMatchObject({ status: "running", done: 3, seed: 1 });
  expect(merged(other, change)).toBe(other);
});
