import { expect, test } from "vitest";
import type { Run } from "../../api/client";
import { sharedNotes } from "./SharedNotes";

const run = (experiment_id: number, notes: string[], more: Partial<Run> = {}) =>
  ({ experiment_id, status: "succeeded", notes, warnings: [], ...more }) as Run;

test("what all finished runs of an experiment say is said once for it", () => {
  const shared = sharedNotes([
    run(1, ["3 texts left out", "γ 72"]),
    run(1, ["γ 79", "3 texts left out"]),
    run(1, [], { status: "running" }),
    run(2, ["3 texts left out"]),
    run(2, []),
  ]);
  expect([...shared]).toEqual([[1, ["3 texts left out"]]]);
});

test("a warning stays with its run, and so do the notes of a run alone", () => {
  const warned = run(1, ["Warning: differs"], { warnings: ["Warning: differs"] });
  expect(sharedNotes([warned, warned]).size).toBe(0);
  expect(sharedNotes([run(1, ["a note"])]).size).toBe(0);
});
