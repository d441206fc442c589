import { MantineProvider } from "@mantine/core";
import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { useState } from "react";
import { afterEach, expect, test } from "vitest";
import type { Catalog, ExperimentSpec, FieldProblem } from "../api/client";
import openapi from "../api/openapi.json";
import { WIDGETS } from "../spec/Field";
import { sectionsOf } from "../spec/layout";
import { withValue } from "../spec/path";
import { SpecFormProvider } from "../spec/SpecForm";
import type { Node } from "../spec/schema";
import { LaunchFields } from "./LaunchFields";

afterEach(cleanup);

/** A spec with a parameter of each type that nothing in the page names. */
function specWith(properties: Record<string, Node>): Node {
  return {
    title: "Experiment",
    properties: {
      name: { title: "Name", type: "string" },
      training: { $ref: "#/$defs/TrainingSpec" },
    },
    "x-sections": [
      { title: "Experiment", display: "plain", columns: 1, help: "" },
      { title: "Training", display: "folded", columns: 2, help: "" },
    ],
    $defs: { TrainingSpec: { title: "Training", properties } },
  };
}

function form(schema: Node, start: unknown, problems: FieldProblem[] = []) {
  let current = start;
  function Form() {
    const [spec, setSpec] = useState(start as ExperimentSpec);
    current = spec;
    const set = (path: string, value: unknown) => setSpec((old) => withValue(old, path, value));
    return (
      <SpecFormProvider value={{ spec, schema: { ...schema }, problems, set }}>
        <LaunchFields catalog={{ methods: [] } as unknown as Catalog} />
      </SpecFormProvider>
    );
  }
  render(<Form />, {
    wrapper: ({ children }) => <MantineProvider env="test">{children}</MantineProvider>,
  });
  return () => current as Record<string, Record<string, unknown>>;
}

const problem = (path: string): FieldProblem => ({
  path,
  message: "is wrong",
  value: null,
  allowed: null,
  hint: null,
});

const OF_EACH_TYPE: Record<string, Node> = {
  smoothing: {
    title: "Smoothing",
    description: "Of labels",
    type: "number",
    minimum: 0,
    maximum: 1,
  },
  patience: { title: "Patience", type: "integer" },
  shuffle: { title: "Shuffle", type: "boolean" },
  order: { title: "Order", enum: ["short", "long"], type: "string" },
  filter: { title: "Filter", type: "string" },
  milestones: { title: "Milestones", type: "array", items: { type: "integer" } },
  words: { title: "Words", type: "array", items: { type: "string" } },
  limit: { title: "Limit", anyOf: [{ type: "number" }, { type: "null" }] },
};

test("a new field of any type has its input in the section of its class", async () => {
  const training = {
    smoothing: 0.1,
    patience: 3,
    shuffle: false,
    order: "short",
    filter: "",
    milestones: [10],
    words: ["a"],
    limit: 2,
  };
  const spec = form(specWith(OF_EACH_TYPE), { name: "", training });
  const item = screen.getByText("Training").closest(".mantine-Accordion-item") as HTMLElement;
  const section = within(item);
  fireEvent.click(section.getByText("Training"));
  await section.findByRole("textbox", { name: "Smoothing" });
  const type = (label: string, value: string) =>
    fireEvent.change(section.getByLabelText(label, { selector: "input" }), { target: { value } });
  const add = (label: string, value: string) => {
    const input = section.getByLabelText(label, { selector: "input" });
    act(() => input.focus());
    fireEvent.change(input, { target: { value } });
    fireEvent.keyDown(input, { key: "Enter" });
  };
  expect(section.getByText("Of labels (0 to 1)")).toBeTruthy();
  type("Smoothing", "0.2");
  type("Patience", "5");
  fireEvent.click(section.getByLabelText("Shuffle"));
  fireEvent.click(section.getByLabelText("Order", { selector: "input" }));
  fireEvent.click(section.getByText("long"));
  type("Filter", "x");
  add("Milestones", "20");
  add("Words", "7");
  type("Limit", "");
  expect(spec().training).toEqual({
    smoothing: 0.2,
    patience: 5,
    shuffle: true,
    order: "long",
    filter: "x",
    milestones: [10, 20],
    words: ["a", "7"],
    limit: null,
  });
  expect(within(item).queryByLabelText("Name")).toBeNull();
});

test("a field that matters only with another one comes and goes, and keeps its value", () => {
  const particular = { shown_when: { "training.order": ["long"] } };
  const schema = specWith({
    ...OF_EACH_TYPE,
    smoothing: { ...OF_EACH_TYPE.smoothing, "x-form": particular },
  });
  const spec = form(schema, { name: "", training: { smoothing: 0.3, order: "short" } });
  fireEvent.click(screen.getByText("Training"));
  expect(screen.queryByLabelText("Smoothing")).toBeNull();
  for (const order of ["long", "short", "long"]) {
    fireEvent.click(screen.getByLabelText("Order", { selector: "input" }));
    fireEvent.click(screen.getByText(order));
    expect(screen.queryByLabelText("Smoothing") !== null).toBe(order === "long");
  }
  expect((screen.getByLabelText("Smoothing") as HTMLInputElement).value).toBe("0.3");
  expect(spec().training?.smoothing).toBe(0.3);
});

test("a closed section says how many problems its fields have, and shows hidden ones", () => {
  const never = { shown_when: { name: ["never"] } };
  const schema = specWith({
    patience: { title: "Patience", type: "integer" },
    smoothing: { title: "Smoothing", type: "number", "x-form": never },
  });
  const spec = { name: "", training: { patience: 0, smoothing: 7 } };
  form(schema, spec, [problem("name"), problem("training.smoothing")]);
  expect(screen.getByRole("button", { name: "Training 1 problem" })).toBeTruthy();
  expect(screen.getByLabelText("Smoothing")).toBeTruthy();
  cleanup();
  form(schema, spec, [problem("training.patience"), problem("training.smoothing")]);
  expect(screen.getByRole("button", { name: "Training 2 problems" })).toBeTruthy();
  cleanup();
  form(schema, spec);
  expect(screen.getByRole("button", { name: "Training" })).toBeTruthy();
});

/** The schema of an experiment as the server has it. */
const SERVERS = {
  ...(openapi.components.schemas.ExperimentSpec as unknown as Node),
  $defs: openapi.components.schemas as unknown as Record<string, Node>,
};

test("the page has an input for every field that the server's schema asks one for", () => {
  const sections = sectionsOf({ ...SERVERS });
  expect(sections.map(({ title }) => title)).toEqual(SERVERS["x-sections"]?.map((s) => s.title));
  const fields = sections.flatMap((section) => section.fields);
  const inputs = [...Object.keys(WIDGETS), "methods", "trackers"];
  expect(fields.filter(({ widget }) => !inputs.includes(widget))).toEqual([]);
  expect(new Set(fields.map(({ path }) => path)).size).toBe(fields.length);
});
