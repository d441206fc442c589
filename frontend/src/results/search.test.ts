import { expect, test } from "vitest";
import { compareSearch, experimentSearch } from "./search";

test("a link keeps every choice of the view", () => {
  const view = {
    tab: "spectra",
    judge: "accuracy",
    layer: 13,
    methods: ["LoRA", "PiSSA"],
    rates: "all",
    log: true,
    smooth: 0.5,
  };
  expect(experimentSearch(view)).toEqual(view);
});

test("a mangled link shows the default view", () => {
  const mangled = { tab: "<b>", layer: -1, x: 7, smooth: "much", methods: "LoRA", log: "yes" };
  expect(experimentSearch(mangled)).toEqual({});
});

test("a comparison keeps its basket and its view, and drops what is malformed", () => {
  const view = { of: ["e3", "e5:LoRA", "r12"], tab: "differences", step: 10, side: "right" };
  expect(compareSearch(view)).toEqual(view);
  expect(compareSearch({ of: ["nothing"], tab: "recipe" })).toEqual({});
});
