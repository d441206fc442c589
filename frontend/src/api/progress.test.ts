import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import type { Run } from "./client";
import { type Change, merged, patch } from "./progress";

const change: Change = {
  run: 7,
  experiment: 1,
  status: "running",
  phase: "train",
  done: 3,
  total: 40,
  lane: "CPU",
};
const run = { id: 7, status: "queued", phase: null, done: 0, total: 0, seed: 1 } as Run;
const other = { ...run, id: 8 };
const changes = new Map([[7, change]]);

test("a change moves its run and leaves every other run the same object", () => {
  expect(merged(run, changes)).toMatchObject({ status: "running", done: 3, seed: 1 });
  expect(merged(other, changes)).toBe(other);
});

test("cached answers are changed where they hold the run, and left alone otherwise", () => {
  const queries = new QueryClient();
  const basket = ["get", "/api/basket", { of: ["e1"] }];
  const apart = ["get", "/api/basket", { of: ["e2"] }];
  queries.setQueryData(basket, { runs: [run, other] });
  queries.setQueryData(apart, { runs: [other] });
  const before = queries.getQueryData(apart);
  patch(queries, changes);
  expect(queries.getQueryData(basket)).toMatchObject({ runs: [{ done: 3 }, { done: 0 }] });
  expect(queries.getQueryData(apart)).toBe(before);
});

const EXPERIMENT = "/api/experiments/{experiment_id}";
const ended = { ...run, id: 9, status: "succeeded" } as Run;

test.each([
  ["an experiment", ["get", EXPERIMENT, 2], { runs: [ended] }],
  ["a basket", ["get", "/api/basket", { of: ["e2"] }], { runs: [ended] }],
  ["the queue", ["get", "/api/queue"], { lanes: [{ name: "CPU", run: ended }, { run: null }] }],
])("progress of another run writes nothing into %s", async (_, key, answer) => {
  const queries = new QueryClient();
  queries.setQueryData(key, answer, { updatedAt: 5 });
  await queries.invalidateQueries();
  const before = queries.getQueryState(key);
  patch(queries, changes);
  expect(queries.getQueryState(key)).toBe(before);
});

test.each([
  ["an experiment", ["get", EXPERIMENT, 1], { runs: [run] }, { runs: [{ done: 3 }] }],
  ["the queue", ["get", "/api/queue"], { lanes: [{ run }] }, { lanes: [{ run: { done: 3 } }] }],
])("progress in %s does not declare the rest of it fresh", async (_, key, answer, moved) => {
  const queries = new QueryClient();
  queries.setQueryData(key, answer, { updatedAt: 5 });
  await queries.invalidateQueries();
  patch(queries, changes);
  expect(queries.getQueryData(key)).toMatchObject(moved);
  expect(queries.getQueryState(key)).toMatchObject({ isInvalidated: true, dataUpdatedAt: 5 });
});

test("progress does not hide that an answer could not be read anew", async () => {
  const queries = new QueryClient();
  const key = ["get", EXPERIMENT, 1];
  queries.setQueryData(key, { runs: [run] });
  const away = async () => Promise.reject(new Error("away"));
  await queries.fetchQuery({ queryKey: key, queryFn: away, retry: false }).catch(() => {});
  patch(queries, changes);
  expect(queries.getQueryState(key)).toMatchObject({ error: { message: "away" } });
});
