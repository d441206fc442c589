import { expect, test } from "vitest";
import { parsedView, viewAddress } from "./sharedView";

test("a view is the same one after its address was stored", () => {
  const search = { tab: "curves", methods: ["LoRA-One (γ auto)", "LoRA"], log: true } as const;
  const address = viewAddress("/experiments/12", { ...search, methods: [...search.methods] });
  expect(address).toMatch(/^\/experiments\/12\?[!-~]*$/);
  expect(parsedView(address)).toEqual({ kind: "experiment", id: 12, search });
  const of = ["e3:LoRA, r 8", "r12"];
  expect(parsedView(viewAddress("/compare", { of }))).toEqual({ kind: "compare", search: { of } });
});

test("an address without a tab is of the whole experiment", () => {
  expect(viewAddress("/experiments/12", {})).toBe("/experiments/12");
  expect(parsedView("/experiments/12")).toEqual({ kind: "experiment", id: 12, search: {} });
});

test("what is no view of results is none", () => {
  for (const address of ["/settings", "/experiments/0", "//evil.test", "https://evil.test", ""]) {
    expect(parsedView(address)).toBeUndefined();
  }
});
