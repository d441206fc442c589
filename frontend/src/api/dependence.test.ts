import { expect, test } from "vitest";
import { DEPENDENCES, type Happening, isOutdated, type Kind, otherStatus } from "./dependence";
import document from "./openapi.json";

function happening(kind: Kind, experiment = 3, run = 31): Happening {
  return { kind, experiment, run };
}

function asked(path: string, id: number): unknown[] {
  return ["get", path, { params: { path: { experiment_id: id } } }];
}

function basket(path: string, ...of: string[]): unknown[] {
  return ["get", path, { params: { query: { of } } }];
}

function figure(name: string, ...of: string[]): unknown[] {
  const query = new URLSearchParams(of.map((item) => ["of", item]));
  return ["figure", `/api/figures/${name}?${query}&theme=dark`];
}

const KINDS: Kind[] = ["phase", "metric", "alignment", "report", "status"];
const OTHERS: Kind[] = ["lanes", "experiment", "notes", "views"];

test("every answer of the API is classified, and nothing else", () => {
  const reading = Object.entries(document.paths)
    .filter(([, methods]) => "get" in methods)
    .map(([path]) => path);
  const asking = ["/api/plan", "/api/markdown"];
  expect(Object.keys(DEPENDENCES).sort()).toEqual([...reading, ...asking].sort());
});

test("every answer that a page keeps is classified", () => {
  const sources = import.meta.glob("../**/*.tsx", {
    query: "?raw",
    eager: true,
    import: "default",
  });
  const asked = Object.values(sources).flatMap((text) =>
    [...String(text).matchAll(/api\.useQuery\(\s*"(?:get|post)",\s*"([^"]+)"/g)].map(([, p]) => p),
  );
  expect(asked.length).toBeGreaterThan(15);
  for (const path of asked) expect(DEPENDENCES).toHaveProperty([String(path)]);
});

test("nothing that happens to one experiment makes results of another outdated", () => {
  const keys = [
    asked("/api/experiments/{experiment_id}", 4),
    asked("/api/experiments/{experiment_id}/notes", 4),
    ...["/api/overview", "/api/basket", "/api/runs"].map((path) => basket(path, "e4", "e5:LoRA")),
    ...Object.keys(DEPENDENCES)
      .filter((path) => path.startsWith("/api/figures/"))
      .map((path) => figure(path.slice("/api/figures/".length), "e4", "r45")),
    ["get", "/api/runs/{run_id}", { params: { path: { run_id: 45 } } }],
  ];
  for (const kind of [...KINDS, ...OTHERS]) {
    for (const key of keys) expect(isOutdated(key, happening(kind)), `${key} ${kind}`).toBe(false);
  }
});

test.each([
  ["curves", ["metric", "report", "status"]],
  ["spectra", ["phase", "report", "status"]],
  ["heatmap", ["phase", "report", "status"]],
  ["alignment", ["alignment", "status"]],
  ["alignment-layers", ["alignment", "status"]],
  ["columns", ["phase", "report", "status"]],
  ["cost", ["status"]],
  ["learning-rate", ["status"]],
])("the figure %s is read anew after %j of its experiment alone", (name, kinds) => {
  const since = [...KINDS, ...OTHERS].filter((kind) =>
    isOutdated(figure(name, "e1", "e3:LoRA"), happening(kind)),
  );
  expect(since.sort()).toEqual(kinds);
});

test("the table behind a figure is outdated when the figure is", () => {
  const url = "/api/figures/curves?of=e3&format=records";
  expect(isOutdated(["records", url], happening("metric"))).toBe(true);
  expect(isOutdated(["records", url], happening("metric", 4, 41))).toBe(false);
});

test("a run that was picked follows its own changes, not those of its experiment", () => {
  expect(isOutdated(figure("curves", "r31"), happening("metric", 3, 31))).toBe(true);
  expect(isOutdated(figure("curves", "r31"), happening("metric", 3, 32))).toBe(false);
});

test("an overview changes when a run ends, not with each of its numbers", () => {
  expect(isOutdated(basket("/api/overview", "e3"), happening("metric"))).toBe(false);
  expect(isOutdated(basket("/api/overview", "e3"), happening("status"))).toBe(true);
});

test("an overview names its experiments: it changes when one of them is renamed", () => {
  const overview = basket("/api/overview", "e3", "e4:LoRA");
  expect(isOutdated(overview, happening("experiment", 3, 0))).toBe(true);
  expect(isOutdated(overview, happening("experiment", 4, 0))).toBe(true);
  expect(isOutdated(overview, happening("experiment", 5, 0))).toBe(false);
});

test("lists of all experiments follow each of them", () => {
  const history = ["get", "/api/experiments", { params: { query: { q: "" } } }];
  expect(isOutdated(history, happening("status", 99, 990))).toBe(true);
  expect(isOutdated(history, happening("experiment", 99, 0))).toBe(true);
  expect(isOutdated(history, happening("metric", 99, 990))).toBe(false);
  expect(isOutdated(["get", "/api/queue", {}], happening("lanes", 0, 0))).toBe(true);
  expect(isOutdated(["get", "/api/views"], happening("views", 0, 0))).toBe(true);
});

test("estimates are read anew when a run ends, and not with each of its numbers", () => {
  const plan = ["post", "/api/plan", { body: {} }];
  expect(isOutdated(plan, happening("metric"))).toBe(false);
  expect(isOutdated(plan, happening("status"))).toBe(true);
});

test("what stays the same while the server is the same is never outdated by a change", () => {
  for (const kind of [...KINDS, ...OTHERS]) {
    expect(isOutdated(["get", "/api/catalog"], happening(kind))).toBe(false);
  }
});

test("what a user does to a basket is about its experiments and its runs", () => {
  expect(otherStatus(["e3:LoRA", "r12"])).toEqual([
    { kind: "status", experiment: 3, run: 0 },
    { kind: "status", experiment: 0, run: 12 },
  ]);
});
