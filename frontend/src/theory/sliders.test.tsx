import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import type { ExperimentSpec } from "../api/client";
import { SpecFormProvider } from "../spec/SpecForm";
import { LogSlider } from "./sliders";

afterEach(cleanup);

test.each([
  [0, -6],
  [-1, -6],
  [0.01, -2],
  [1e-7, -7],
])("a slider over decades has a place for %s", (init_std, place) => {
  const spec = { problem: { init_std } } as unknown as ExperimentSpec;
  const schema = { properties: { problem: { properties: { init_std: { title: "A" } } } } };
  render(
    <MantineProvider env="test">
      <SpecFormProvider value={{ spec, schema, problems: [], set: () => {} }}>
        <LogSlider path="problem.init_std" least={-6} most={0} />
      </SpecFormProvider>
    </MantineProvider>,
  );
  expect(Number(screen.getByRole("slider").getAttribute("aria-valuenow"))).toBe(place);
});
