import { expect, test } from "vitest";
import type { FieldProblem } from "../api/client";
import { problemAt } from "./problems";

const problem = (path: string, extra: Partial<FieldProblem> = {}): FieldProblem => ({
  path,
  message: "is wrong",
  value: null,
  allowed: null,
  hint: null,
  ...extra,
});

test("a problem of an element is shown at its list, with value and range", () => {
  const problems = [problem("grid.ranks.0", { value: 0, allowed: "1 to 4096" })];
  expect(problemAt(problems, "grid.ranks")).toBe("0: is wrong (allowed: 1 to 4096)");
  expect(problemAt(problems, "grid.rank")).toBeUndefined();
});
