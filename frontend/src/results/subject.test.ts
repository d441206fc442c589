import { expect, test } from "vitest";
import type { Run } from "../api/client";
import { nothingYet, type Subject } from "./subject";

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
