import { expect, test } from "vitest";
import { viewAddress } from "../sharedView";
import { isOf } from "./view";

const COMPARED = viewAddress("/compare", { of: ["e1", "r7"], tab: "curves" });

test("a comment on a comparison is shown wherever the same is compared", () => {
  expect(isOf(COMPARED, ["r7", "e1"])).toBe(true);
  expect(isOf(COMPARED, ["e1"])).toBe(false);
  expect(isOf(COMPARED, ["e1", "r7", "e2"])).toBe(false);
});

test("it is not shown at the figures of the experiment that keeps it", () => {
  expect(isOf(COMPARED, undefined)).toBe(false);
});

test("one on an experiment is, and at no comparison", () => {
  for (const view of ["/experiments/1?tab=curves", null]) {
    expect(isOf(view, undefined)).toBe(true);
    expect(isOf(view, ["e1"])).toBe(false);
  }
});
