import { expect, test } from "vitest";
import { figureUrl } from "./Figure";

test("a figure's URL repeats lists and leaves out what is not set", () => {
  const params = { layer: 0, labels: ["LoRA", "γ"], rates: undefined };
  expect(figureUrl(["e3", "r12"], "spectra", params)).toBe(
    "/api/figures/spectra?of=e3&of=r12&layer=0&labels=LoRA&labels=%CE%B3",
  );
});
