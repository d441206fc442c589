import { expect, test } from "vitest";
import type { Catalog } from "../api/client";
import { curvesOf, judgesOf, known } from "./catalog";
import { labelled } from "./views";

const CATALOG = {
  tasks: [
    { name: "reading", curves: ["loss", "speed"], judges: ["loss"] },
    { name: "writing", curves: ["speed"], judges: ["speed"] },
  ],
  metrics: [{ name: "speed" }, { name: "loss" }, { name: "grip" }],
  alignments: [{ name: "angle" }],
  costs: [{ name: "hours" }],
  spectra: [],
  scalars: [],
  columns: [],
  figures: [{ name: "curves", label: "Lines" }],
} as unknown as Catalog;

const names = (rows: { name: string }[]) => rows.map(({ name }) => name);

test("a task's metrics are in the order of its row, the usual one first", () => {
  expect(names(curvesOf(CATALOG, ["reading"]))).toEqual(["loss", "speed"]);
  expect(names(judgesOf(CATALOG, ["reading"]))).toEqual(["loss"]);
});

test("runs of a task that is not installed may have any metric", () => {
  expect(names(curvesOf(CATALOG, ["gone"]))).toEqual(["speed", "loss", "grip"]);
});

test("runs of several tasks have the metrics of each, those of all of them first", () => {
  expect(names(curvesOf(CATALOG, ["reading", "writing"]))).toEqual(["speed", "loss"]);
  expect(names(judgesOf(CATALOG, ["reading", "writing"]))).toEqual(["loss", "speed"]);
});

test("a link keeps names that the catalogue has, and shows the default view for others", () => {
  const view = {
    judge: "speed",
    measure: "angle",
    cost: "hours",
    metric: "grip",
    layer: 3,
  } as never;
  expect(known(view, CATALOG)).toEqual(view);
  const mangled = { judge: "grip", measure: "x", cost: "x", scalar: "x", layer: 3 } as never;
  expect(known(mangled, CATALOG)).toEqual({ layer: 3 });
});

test("the tab of a figure is called as the figure is, others have their own label", () => {
  const tabs = { curves: {}, notes: { label: "Notes" } };
  expect(labelled(tabs, CATALOG)).toEqual({
    curves: { label: "Lines" },
    notes: { label: "Notes" },
  });
});
