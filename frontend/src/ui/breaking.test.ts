import { expect, test } from "vitest";
import { breaking } from "./breaking";

test.each(["Demo: five initialisations of MiniLM", "", "LoRA-One (gradient, γ auto) 2e−4"])(
  "words of people stay whole: %s",
  (text) => expect(breaking(text)).toBeUndefined(),
);

test.each([
  "x".repeat(200),
  "sequence-classification_of/a-folder with more",
  `of ${"#".repeat(30)}`,
])("a word without an end breaks, and leaves the other columns where they are: %s", (text) => {
  expect(breaking(text)?.overflowWrap).toBe("anywhere");
  expect(breaking(text)?.minWidth).toBe("24ch");
});
