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
  const query = toggled("alpha", "tag:paper");
  expect(query).toBe("alpha tag:paper");
  expect(has(query, "tag:paper")).toBe(true);
  expect(toggled(query, "tag:paper")).toBe("alpha");
  expect(toggled("", term("model", "teacher student"))).toBe('model:"teacher student"');
});
