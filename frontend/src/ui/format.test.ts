import { expect, test } from "vitest";
import {
  ago,
  bytes,
  duration,
  estimate,
  heading,
  phaseLabel,
  quantity,
  rate,
  roughly,
  seconds,
} from "./format";

test("numbers have four digits, and large ones a unit", () => {
  expect(quantity(1.31667913)).toBe("1.317");
  expect(quantity(336396)).toBe("336 k");
  expect(quantity(10621452)).toBe("10.6 M");
  expect(quantity(0)).toBe("0");
  expect(quantity(0.0000123)).toBe("1.23e-5");
});

test("an estimate of one seed shows no deviation", () => {
  expect(estimate({ mean: 0.651, std: null })).toBe("0.651");
  expect(estimate({ mean: 128, std: 0 })).toBe("128");
  expect(estimate({ mean: 0.651, std: 0.0234 })).toBe("0.651 ± 0.023");
});

test("learning rates read as powers", () => {
  expect(rate(0.0005)).toBe("5e−4");
  expect(rate(0.02)).toBe("0.02");
});

test("times are given from now", () => {
  const now = new Date("2026-11-24T12:00:00Z");
  expect(ago("2026-11-24T11:57:00Z", now)).toBe("3 minutes ago");
  expect(ago("2026-11-17T12:00:00Z", now)).toBe("7 days ago");
  expect(duration("2026-11-24T11:57:00Z", "2026-11-24T12:00:05Z")).toBe("3 min 5 s");
  expect(duration("2026-11-24T11:57:00.123Z", "2026-11-24T11:57:00.297Z")).toBe("0.17 s");
  expect(duration("2026-11-24T11:57:00Z", null)).toBe("–");
});

test("phases and columns have names", () => {
  expect(phaseLabel("svd")).toBe("decomposing");
  expect(phaseLabel(null)).toBe("");
  expect(heading("learning_rate")).toBe("Learning rate");
  expect(heading("std")).toBe("± over seeds");
});

test("seconds and bytes have units that fit their size", () => {
  expect(seconds(1.234)).toBe("1.2 s");
  expect(seconds(42.4)).toBe("42 s");
  expect(seconds(185)).toBe("3 min 5 s");
  expect(seconds(7800)).toBe("2 h 10 min");
  expect([3, 42, 200, 7900].map(roughly)).toEqual(["5 s", "40 s", "3 min", "2 h 12 min"]);
  expect(bytes(1_300_000_000)).toBe("1.3 GB");
  expect(bytes(420e6)).toBe("420 MB");
});
