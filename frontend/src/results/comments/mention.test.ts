import { expect, test } from "vitest";
import { begun, completed, offered } from "./mention";

const PEOPLE = [{ name: "ada" }, { name: "Ada Lovelace" }, { name: "bo" }, { name: "Grace Adair" }];

test("a name is offered after an @ that begins a word, and nowhere else", () => {
  const names = (text: string, caret = text.length) => {
    const mention = begun(text, caret);
    return mention && offered(PEOPLE, mention).map(({ name }) => name);
  };
  expect(names("see @Ad")).toEqual(["ada", "Ada Lovelace", "Grace Adair"]);
  expect(names('(@"ada lo')).toEqual(["Ada Lovelace"]);
  expect(names("@")?.length).toBe(4);
  expect(names("@ad and more", 3)).toEqual(["ada", "Ada Lovelace", "Grace Adair"]);
  for (const text of ["mail@ad", "@ada\nnext", "none", "@@a"]) expect(names(text)).toBeUndefined();
  expect(names("@zz")).toEqual([]);
});

test("a chosen name stands in place of what was typed, in quotation marks where it needs them", () => {
  const put = (text: string, caret: number, name: string) => {
    const mention = begun(text, caret);
    return mention && completed(text, caret, mention, name);
  };
  expect(put("a @b c", 4, "bo")).toEqual({ text: "a @bo c", caret: 6 });
  expect(put("@ada lo", 7, "Ada Lovelace")).toEqual({ text: '@"Ada Lovelace" ', caret: 16 });
  expect(put('x @"Ad', 6, "Ada Lovelace")?.text).toBe('x @"Ada Lovelace" ');
});
