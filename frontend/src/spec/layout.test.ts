import { expect, test } from "vitest";
import { fieldsOf, isShown, sectionsOf } from "./layout";

const SCHEMA = {
  title: "Experiment",
  properties: {
    version: { type: "integer", "x-form": { hidden: true } },
    task: { type: "string", "x-form": { section: "Model", order: 1, choices: [] } },
    model: { $ref: "#/$defs/ModelSpec" },
    methods: {
      type: "array",
      items: { $ref: "#/$defs/MethodSpec" },
      "x-form": { section: "Methods", widget: "methods" },
    },
    warmth: { $ref: "#/$defs/WarmthSpec" },
  },
  "x-sections": [
    { title: "Methods", display: "fieldset", columns: 1, help: "" },
    { title: "Model", display: "fieldset", columns: 2, help: "Which model" },
  ],
  $defs: {
    ModelSpec: {
      title: "Model",
      properties: { id: { type: "string" }, eager: { type: "boolean" } },
    },
    MethodSpec: {
      title: "Method",
      properties: {
        name: { type: "string", "x-form": { hidden: true } },
        optimizer: { anyOf: [{ enum: ["adamw", "sgd"], type: "string" }, { type: "null" }] },
      },
    },
    WarmthSpec: { title: "Warmth", properties: { degrees: { type: "number" } } },
  },
};

test("fields stand in the section of their class or the one they name, in order", () => {
  const placed = sectionsOf(SCHEMA).map(({ title, display, fields }) => [
    title,
    display,
    fields.map(({ path, widget }) => `${path}: ${widget}`),
  ]);
  expect(placed).toEqual([
    ["Methods", "fieldset", ["methods: methods"]],
    ["Model", "fieldset", ["model.id: text", "model.eager: switch", "task: select"]],
    ["Warmth", "folded", ["warmth.degrees: number"]],
  ]);
});

test("the fields of an element of a list are those of its class", () => {
  const [field, ...others] = fieldsOf(SCHEMA, "methods.3");
  expect(field).toMatchObject({ path: "methods.3.optimizer", widget: "select" });
  expect(others).toEqual([]);
});

test("a field is shown while one of its conditions holds", () => {
  const values = ["loraplus"];
  const shownWhen = { "training.optimizer": values, "methods.*.optimizer": values };
  const field = { path: "training.ratio", widget: "number", shownWhen };
  const spec = (optimizer: string, own: (string | null)[]) => ({
    training: { optimizer },
    methods: own.map((each) => ({ optimizer: each })),
  });
  expect(isShown(field, spec("adamw", [null, "sgd"]), [])).toBe(false);
  expect(isShown(field, spec("loraplus", []), [])).toBe(true);
  expect(isShown(field, spec("adamw", [null, "loraplus"]), [])).toBe(true);
});

test("a field is hidden while one of its other conditions holds, unless it is wrong", () => {
  const field = { path: "rate", widget: "number", hiddenWhen: { steps: [0] } };
  expect(isShown(field, { steps: 0 }, [])).toBe(false);
  expect(isShown(field, { steps: 5 }, [])).toBe(true);
  const problem = { path: "rate", message: "is wrong", value: 0, allowed: null, hint: null };
  expect(isShown(field, { steps: 0 }, [problem])).toBe(true);
});
