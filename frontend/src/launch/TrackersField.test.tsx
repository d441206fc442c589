import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { Catalog, ExperimentSpec, FieldProblem } from "../api/client";
import { SpecFormProvider } from "../spec/SpecForm";
import { TrackersField } from "./TrackersField";

afterEach(cleanup);

const SCHEMA = {
  properties: { report_to: { title: "Mirror to", description: "Told of each run" } },
};

const tracker = (name: string, label: string, installed: boolean) => ({
  name,
  label,
  installed,
  where: "",
  install: `pip install ${name}`,
});
const TRACKERS = [
  tracker("mlflow", "MLflow", true),
  tracker("wandb", "Weights & Biases", false),
  tracker("tensorboard", "TensorBoard", true),
];

function form(report_to: string[], problems: FieldProblem[] = [], trackers = TRACKERS) {
  const set = vi.fn();
  render(
    <SpecFormProvider
      value={{ spec: { report_to } as unknown as ExperimentSpec, schema: SCHEMA, problems, set }}
    >
      <TrackersField catalog={{ trackers } as unknown as Catalog} />
    </SpecFormProvider>,
    { wrapper: ({ children }) => <MantineProvider env="test">{children}</MantineProvider> },
  );
  return set;
}

const offered = () => screen.queryAllByRole("option").map((option) => option.textContent);

test("what is installed can be chosen, and what is not is said with how to get it", () => {
  const set = form([]);
  fireEvent.click(screen.getByRole("combobox", { name: "Mirror to" }));
  expect(offered()).toEqual(["MLflow", "TensorBoard"]);
  fireEvent.click(screen.getByRole("option", { name: "TensorBoard" }));
  expect(set).toHaveBeenCalledWith("report_to", ["tensorboard"]);
  expect(screen.getByText(/Not installed on the server: Weights & Biases/).textContent).toContain(
    "pip install wandb",
  );
});

test("what a copied spec asks for is shown where it is not installed, with what the server says", () => {
  const message = "Weights & Biases is not installed here; allowed: mlflow, tensorboard";
  form(["wandb"], [{ path: "report_to.0", message, value: "wandb", allowed: null, hint: null }]);
  expect(screen.getByText(message)).toBeTruthy();
  fireEvent.click(screen.getByRole("combobox", { name: "Mirror to" }));
  expect(offered()).toContain("Weights & Biases");
});

test("where none is installed nothing can be chosen, and all are named", () => {
  form([], [], [tracker("trackio", "trackio", false)]);
  const input = screen.getByRole<HTMLInputElement>("combobox", { name: "Mirror to" });
  expect(input.disabled).toBe(true);
  expect(
    screen.getByText(/Not installed on the server: trackio\. Whoever runs it can add it/),
  ).toBeTruthy();
});
