import { expect, test } from "vitest";
import { valueAt, withValue } from "./path";

test("setting a value copies its path and nothing else", () => {
  const spec = { grid: { ranks: [8] }, methods: [{ name: "lora" }, { name: "full" }], data: {} };
  const changed = withValue(spec, "methods.1.name", "pissa");
  expect(valueAt(changed, "methods.1.name")).toBe("pissa");
  expect(valueAt(spec, "methods.1.name")).toBe("full");
  expect(changed.grid).toBe(spec.grid);
  expect(Array.isArray(changed.methods)).toBe(true);
});
