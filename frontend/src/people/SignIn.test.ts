import { expect, test } from "vitest";
import { here } from "./SignIn";

test("the way back is a path of this page, whatever the address looks like", () => {
  const back = (pathname: string, search = "") => here({ pathname, search });
  expect(back("/experiments/3", "?tab=runs")).toBe("/experiments/3?tab=runs");
  expect(back("//evil.test/x")).toBe("/evil.test/x");
  expect(back("/\\evil.test")).toBe("/evil.test");
  expect(back("/sign-in", "?failed=state")).toBe("/");
});
