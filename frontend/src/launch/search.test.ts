import { expect, test } from "vitest";
import { launchSearch } from "./search";

test("a link of the launch page names a preset, an experiment or a run", () => {
  expect(launchSearch({ preset: "fair", from: 3 })).toEqual({ preset: "fair", from: 3 });
  expect(launchSearch({ run: 7, from: "x" })).toEqual({ run: 7 });
});
