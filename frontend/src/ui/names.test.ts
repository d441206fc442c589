import { expect, test } from "vitest";
import { inLines, withNamesInLines } from "./names";

test("a name that is wider than a phone's figure stands in lines", () => {
  const long = "LoRA-One (gradient, γ 1, preconditioned descent): Initial adapter s·B₀A₀, κ 100";
  const lines = inLines(long).split("<br>");
  expect(lines.length).toBe(2);
  expect(lines.join(" ")).toBe(long);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(44);
  expect(inLines("LoRA-One (gradient, γ auto): Total change")).not.toContain("<br>");
  expect(inLines(`LoRA · ${"x".repeat(60)}`)).toBe(
    ["LoRA ·", "x".repeat(44), "x".repeat(16)].join("<br>"),
  );
  expect(inLines("")).toBe("");
});

test("what has no name, and the rest of a figure, stay as they are", () => {
  const figure = { data: [{ z: [1] }, { name: "LoRA", y: [2] }], layout: { height: 3 } };
  expect(withNamesInLines(figure)).toEqual(figure);
});
