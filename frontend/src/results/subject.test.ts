import { expect, test } from "vitest";
import type { Run } from "../api/client";
import { expertModules, modules, nothingYet, type Subject } from "./subject";

function subject(...statuses: Run["status"][]): Subject {
  const runs = statuses.map((status) => ({ status }) as Run);
  return { of: ["e1"], runs, layers: [], steps: [], tasks: [] };
}

test("where nothing is to come it is not said to be", () => {
  expect(nothingYet(subject("failed", "queued"))).toBe("No run has finished yet.");
  expect(nothingYet(subject("failed", "running"))).toBe("No run has finished yet.");
  expect(nothingYet(subject("failed", "cancelled"))).toBe(
    "No run has finished: 1 failed, 1 cancelled.",
  );
  expect(nothingYet(subject("succeeded", "failed"))).not.toContain("yet");
});

test("experts are one class of layers, which has a map of its own", () => {
  const layer = (module: string, expert: number | null) => ({
    name: "",
    label: "",
    module,
    expert,
  });
  const layers = [layer("query", null), layer("experts down", 0), layer("experts down", 1)];
  const found = { ...subject("succeeded"), layers };
  expect(modules(found)).toEqual(["query", "experts down"]);
  expect(expertModules(found)).toEqual(["experts down"]);
  expect(expertModules({ ...found, layers: layers.slice(0, 1) })).toEqual([]);
});
