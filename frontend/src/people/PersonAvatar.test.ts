import { expect, test } from "vitest";
import { initials } from "./PersonAvatar";

test("initials are of the first and the last word of a name", () => {
  expect(
    ["ada", "Ada King Lovelace", "ada.lovelace@lab", "Éva 😀", " ", "李 明"].map(initials),
  ).toEqual(["A", "AL", "AL", "É😀", "?", "李明"]);
});
