import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { useRunColumns } from "./useRunColumns";

afterEach(() => {
  cleanup();
  window.localStorage.clear();
});

test("the usual columns come when the catalogue does, a browser's own come first", () => {
  const { result, rerender } = renderHook(({ usual }) => useRunColumns(usual), {
    initialProps: { usual: [] as string[] },
  });
  rerender({ usual: ["label"] });
  expect(result.current[0]).toEqual(["label"]);
  act(() => result.current[1](["seed"]));
  expect(result.current[0]).toEqual(["seed"]);
  act(() => result.current[2]());
  expect(result.current[0]).toEqual(["label"]);
});
