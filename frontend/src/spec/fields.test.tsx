import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { ExperimentSpec, FieldProblem } from "../api/client";
import { ChoiceField, NumberField, NumbersField } from "./fields";
import { SpecFormProvider } from "./SpecForm";

const SCHEMA = {
  properties: {
    grid: {
      properties: {
        ranks: {
          title: "Ranks",
          description: "of the adapter",
          items: { minimum: 1, maximum: 4096 },
        },
      },
    },
    training: {
      properties: {
        steps: { title: "Steps", description: "of training", minimum: 1 },
        optimizer: { title: "Optimiser", enum: ["adamw", "sgd"] },
      },
    },
  },
};
const SPEC = {
  grid: { ranks: [0] },
  training: { steps: 40, optimizer: "of a plug-in" },
} as unknown as ExperimentSpec;

function form(field: React.ReactNode, problems: FieldProblem[] = []) {
  const set = vi.fn();
  render(
    <SpecFormProvider value={{ spec: SPEC, schema: SCHEMA, problems, set }}>
      {field}
    </SpecFormProvider>,
    { wrapper: MantineProvider },
  );
  return set;
}

afterEach(cleanup);

test("a field shows its range, and the server's problem with what is allowed", () => {
  const message = "must be at least 1";
  form(<NumbersField path="grid.ranks" />, [
    { path: "grid.ranks.0", message, value: 0, allowed: "1 to 4096", hint: null },
  ]);
  expect(screen.getByText("of the adapter (1 to 4,096)")).toBeTruthy();
  expect(screen.getByText("0: must be at least 1 (allowed: 1 to 4096)")).toBeTruthy();
  expect(screen.getByLabelText("Ranks", { selector: "input" }).getAttribute("aria-invalid")).toBe(
    "true",
  );
});

test("a problem of another field is not shown", () => {
  form(<NumberField path="training.steps" />, [
    { path: "grid.ranks.0", message: "is wrong", value: 0, allowed: null, hint: null },
  ]);
  expect(screen.queryByText(/is wrong/)).toBeNull();
});

test("a typed number goes into the spec as a number, anything else as it was typed", () => {
  const set = form(<NumberField path="training.steps" />);
  const input = screen.getByLabelText("Steps") as HTMLInputElement;
  expect(input.value).toBe("40");
  fireEvent.change(input, { target: { value: "5e1" } });
  expect(set).toHaveBeenLastCalledWith("training.steps", 50);
  expect(input.value).toBe("5e1");
  fireEvent.change(input, { target: { value: "many" } });
  expect(set).toHaveBeenLastCalledWith("training.steps", "many");
});

test("a choice shows what the spec has, also where it is not offered", () => {
  const set = form(<ChoiceField path="training.optimizer" />);
  const input = screen.getByLabelText("Optimiser", { selector: "input" }) as HTMLInputElement;
  expect(input.value).toBe("of a plug-in");
  expect(set).not.toHaveBeenCalled();
});
