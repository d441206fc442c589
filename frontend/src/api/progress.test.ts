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
