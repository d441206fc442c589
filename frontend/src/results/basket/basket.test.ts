import { expect, test } from "vitest";
import { fits, itemLabel, MOST_LINK, parsed, toggledItem, wellFormed, withItems } from "./basket";

test("items name experiments, methods and runs", () => {
  expect(parsed("e3")).toEqual({ experiment: 3, label: undefined });
  expect(parsed("e3:LoRA-One (gradient, γ auto)")).toEqual({
    experiment: 3,
    label: "LoRA-One (gradient, γ auto)",
  });
  expect(parsed("r12")).toEqual({ run: 12 });
  for (const item of ["e0", "r12:LoRA", "e3:", "x1", "3"]) expect(parsed(item)).toBeUndefined();
});

test("a mangled link keeps what is well-formed, each once", () => {
  expect(wellFormed(["e3", "e3", 7, "nonsense", "r1"])).toEqual(["e3", "r1"]);
  expect(wellFormed("e3")).toEqual(["e3"]);
  expect(wellFormed(undefined)).toBeUndefined();
});

test("an item is put in and taken out", () => {
  expect(toggledItem(["e1"], "r2")).toEqual(["e1", "r2"]);
  expect(toggledItem(["e1", "r2"], "e1")).toEqual(["r2"]);
});

test("an item is named by its method and its experiment", () => {
  const names = new Map([[3, "Demo"]]);
  expect(itemLabel("e3:LoRA", names)).toBe("LoRA · #3 Demo");
  expect(itemLabel("e3", names)).toBe("#3 Demo");
  expect(itemLabel("e4", names)).toBe("#4");
  expect(itemLabel("r9", names)).toBe("Run 9");
});

const LONG = Array.from({ length: 70 }, (_, i) => `e${i + 1}:${"γ".repeat(200)}`);
const SHORT = Array.from({ length: 70 }, (_, i) => `e${i + 1}`);

test("a basket holds what the server takes from a link", () => {
  for (const many of [LONG, SHORT]) {
    for (const kept of [
      withItems([], many),
      wellFormed(many) ?? [],
      many.reduce(toggledItem, []),
    ]) {
      expect(kept.length).toBeGreaterThan(3);
      expect(kept.length).toBeLessThanOrEqual(64);
      expect(kept).toEqual(many.slice(0, kept.length));
      const asked = kept.map((item) => `of=${encodeURIComponent(item)}&`).join("");
      expect(asked.length).toBeLessThanOrEqual(MOST_LINK);
      expect(encodeURIComponent(JSON.stringify(kept)).length).toBeLessThanOrEqual(MOST_LINK);
    }
  }
});

test("what is full stays as it is, and can be emptied", () => {
  const full = withItems([], LONG);
  const [first = "", last = ""] = [full[0], LONG.at(-1)];
  expect(fits([...full, last])).toBe(false);
  expect(toggledItem(full, last)).toEqual(full);
  expect(toggledItem(full, first)).toEqual(full.slice(1));
});
