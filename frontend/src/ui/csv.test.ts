import { expect, test } from "vitest";
import { csvOf, recordsOf, recordsOfTable } from "./csv";

test("numbers, words with commas, and nothing", () => {
  expect(recordsOf('series,step,mean\n"LoRA, κ 10",0,1.5e-3\nLoRA,1,\n')).toEqual({
    columns: ["series", "step", "mean"],
    data: [
      ["LoRA, κ 10", 0, 0.0015],
      ["LoRA", 1, null],
    ],
  });
});

test("a table leaves with its deviations, without buttons, and comes back as it was", () => {
  const rows: { name: string; mean: number; std?: number }[] = [
    { name: 'LoRA, "r 8"', mean: 1.5, std: 0.1 },
    { name: "PiSSA", mean: 2 },
  ];
  const records = recordsOfTable(rows, [
    { id: "actions", header: "", value: () => undefined },
    { id: "name", header: "Method", value: (row) => row.name },
    { id: "mean", header: "Loss", value: (row) => row.mean, deviation: (row) => row.std },
  ]);
  expect(records).toEqual({
    columns: ["Method", "Loss", "Loss ±"],
    data: [
      ['LoRA, "r 8"', 1.5, 0.1],
      ["PiSSA", 2, null],
    ],
  });
  expect(recordsOf(csvOf(records))).toEqual(records);
});

test("a word that a spreadsheet would run is text, a number stays one, and both come back", () => {
  const words = ["=1+1", "+a", "-b", "@SUM(A1)", "\tx", "\nx", "=cmd|' /C calc'!A0"];
  const records = {
    columns: ["=name", "loss"],
    data: [...words.map((word) => [word, -0.3]), ["a=b", 1e-7], ["-0.5", null]],
  };
  const lines = csvOf(records).split("\n");
  expect(lines[0]).toBe("'=name,loss");
  expect(lines[1]).toBe("'=1+1,-0.3");
  expect(lines.at(-1)).toBe("-0.5,");
  const formulas = lines.filter((line) => /^"?[=+@\t\r]|^"?-[^0-9]/.test(line));
  expect(formulas).toEqual([]);
  expect(recordsOf(csvOf(records)).data.slice(0, words.length)).toEqual(
    words.map((word) => [word, -0.3]),
  );
});

test("carriage returns and numbers are what they are in the server's files", () => {
  const words = ["a\r\nb", "\r=1", "-inf", "+Infinity", "-nan", "-1_000", "\t", "-x_1", "-"];
  const kept = ["a\nb", "'\n=1", "-inf", "+Infinity", "-nan", "-1_000", "'\t", "'-x_1", "'-"];
  const lines = (all: string[]) => all.map((word) => (word.includes("\n") ? `"${word}"` : word));
  const data = words.map((word) => [word]);
  expect(csvOf({ columns: ["word"], data })).toBe(["word", ...lines(kept)].join("\n"));
  const numbers = [[Number.NEGATIVE_INFINITY], [Number.POSITIVE_INFINITY], [Number.NaN]];
  expect(csvOf({ columns: ["loss"], data: numbers })).toBe("loss\n-inf\ninf\n");
});
