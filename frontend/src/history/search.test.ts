import { expect, test } from "vitest";
import { historySearch } from "./search";

test("a link of the history names a search and a page", () => {
  expect(historySearch({ q: "", page: 2 })).toEqual({ q: undefined, page: 2 });
});
