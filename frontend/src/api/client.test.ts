import { expect, test } from "vitest";
import { isRefusal } from "./client";

test("what the server refused is not asked again; what did not reach it, or broke there, is", () => {
  expect([400, 404, 409, 422].map((status) => isRefusal({ status }))).not.toContain(false);
  const others = [{ status: 500 }, { status: 503 }, new TypeError("Failed to fetch"), null, "x"];
  expect(others.map(isRefusal)).not.toContain(true);
});
