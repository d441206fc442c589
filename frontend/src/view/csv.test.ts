import { expect, test } from "vitest";
import { recordsOf } from "./csv";

test("numbers, words with commas, and nothing", () => {
  expect(recordsOf('series,step,mean\n"LoRA, κ 10",0,1.5e-3\nLoRA,1,\n')).toEqual({
    columns: ["series", "step", "mean"],
    data: [
      ["LoRA, κ 10", 0, 0.0015],
      ["LoRA", 1, null],
    ],
  });
});
