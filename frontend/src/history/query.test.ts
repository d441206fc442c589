import { expect, test } from "vitest";
import { has, term, terms, toggled } from "./query";

test("quotes hold words together, also behind a key", () => {
  expect(terms('alpha "two words" data:"my file" -tag:old lr>=1e-4')).toEqual([
    "alpha",
    '"two words"',
    'data:"my file"',
    "-tag:old",
    "lr>=1e-4",
  ]);
});

test("a term is put in once and taken out again", () => {
  const one = toggled("alpha", "tag:paper");
  expect(one).toBe("alpha tag:paper");
  expect(has(one, "tag:paper")).toBe(true);
  expect(toggled(one, "tag:paper")).toBe("alpha");
  expect(toggled("", term("model", "teacher student"))).toBe('model:"teacher student"');
});
