import { expect, test } from "vitest";
import { points } from "./Sparkline";

test("the line goes from left to right, the highest value on top", () => {
  expect(points([3, 1, 2], 100, 20, 0)).toBe("0.0,0.0 50.0,20.0 100.0,10.0");
});

test("a flat line is drawn and not divided by zero", () => {
  expect(points([1, 1], 10, 10, 0)).toBe("0.0,10.0 10.0,10.0");
});
