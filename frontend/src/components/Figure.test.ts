import { expect, test } from "vitest";
import { figureUrl } from "./Figure";

test("a figure's URL repeats lists and leaves out what is not set", () => {
  expect(figureUrl(3, "spectra", { layer: 0, labels: ["LoRA", "γ"], rates: undefined })).toBe(
    "/api/experiments/3/figures/spectra?layer=0&labels=LoRA&labels=%CE%B3",
  );
});
