import { expect, test } from "vitest";
import { asNumber, asText, fieldInfo, numbers } from "./schema";

const SCHEMA = {
  properties: {
    grid: { $ref: "#/$defs/Grid" },
    methods: { type: "array", items: { $ref: "#/$defs/Method" } },
  },
  $defs: {
    Grid: {
      properties: {
        ranks: {
          title: "Ranks",
          description: "of the adapter",
          type: "array",
          items: { type: "integer", minimum: 1, maximum: 4096 },
        },
      },
    },
    Method: {
      properties: {
        learning_rates: {
          title: "Learning rates",
          anyOf: [
            { type: "array", items: { type: "number", exclusiveMinimum: 0, maximum: 10 } },
            { type: "null" },
          ],
        },
        schedule: { title: "Schedule", enum: ["linear", "constant"] },
      },
    },
  },
};

test("label, help and range come from the schema", () => {
  expect(fieldInfo(SCHEMA, "grid.ranks")).toEqual({
    label: "Ranks",
    help: "of the adapter",
    allowed: "1 to 4,096",
    choices: [],
  });
  expect(fieldInfo(SCHEMA, "methods.2.learning_rates").allowed).toBe("above 0 to 10");
  expect(fieldInfo(SCHEMA, "methods.0.schedule").choices).toEqual(["linear", "constant"]);
});

test("a range is shown to its last digit", () => {
  const largest = { properties: { seed: { type: "integer", minimum: 0, maximum: 2147483647 } } };
  expect(fieldInfo(largest, "seed").allowed).toBe("0 to 2,147,483,647");
});

test("a field that the schema does not know keeps its path as label", () => {
  expect(fieldInfo(SCHEMA, "grid.nothing").label).toBe("grid.nothing");
});

test("what is not a number stays as it was typed, for the server to refuse", () => {
  expect(numbers(["5e-4", " 8 ", "fast", "1−2"])).toEqual([5e-4, 8, "fast", "1-2"]);
  expect(asNumber("")).toBe("");
  expect(asNumber(asText(5e-5))).toBe(5e-5);
  expect(asText(5e-5)).toBe("5e-5");
  expect(asText(0)).toBe("0");
});
