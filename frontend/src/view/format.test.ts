import { expect, test } from "vitest";
import { ago, duration, estimate, layerLabel, phaseLabel, quantity, rate } from "./format";

test("numbers have four digits, and large ones a unit", () => {
  expect(quantity(1.31667913)).toBe("1.317");
  expect(quantity(336396)).toBe("336 k");
  expect(quantity(10621452)).toBe("10.6 M");
  expect(quantity(0)).toBe("0");
  expect(quantity(0.0000123)).toBe("1.23e-5");
});

test("an estimate of one seed shows no deviation", () => {
  expect(estimate({ mean: 0.651, std: null })).toBe("0.651");
  expect(estimate({ mean: 0.651, std: 0.0234 })).toBe("0.651 ± 0.023");
});

test("learning rates read as powers", () => {
  expect(rate(0.0005)).toBe("5e−4");
  expect(rate(0.02)).toBe("0.02");
});

test("times are told from now", () => {
  const now = new Date("2026-11-24T12:00:00Z");
  expect(ago("2026-11-24T11:57:00Z", now)).toBe("3 minutes ago");
  expect(ago("2026-11-17T12:00:00Z", now)).toBe("7 days ago");
  expect(duration("2026-11-24T11:57:00Z", "2026-11-24T12:00:05Z")).toBe("3 min 5 s");
  expect(duration("2026-11-24T11:57:00Z", null)).toBe("–");
});

test("layers and phases have names", () => {
  expect(layerLabel("bert.encoder.layer.3.attention.self.query")).toBe("3 · query");
  expect(layerLabel("lm_head")).toBe("lm_head");
  expect(phaseLabel("svd")).toBe("decomposing");
  expect(phaseLabel(null)).toBe("");
});
