import type { PlotlyFigure } from "./Plot";

/** A name of more characters is wider than a phone's figure. */
const WIDTH = 44;
const WORD = new RegExp(`.{1,${WIDTH}}`, "gu");

/** The figure with long names of its series in lines: the legend cuts off what is too wide. */
export function withNamesInLines(figure: PlotlyFigure): PlotlyFigure {
  const data = figure.data.map((trace) => {
    const { name } = trace as { name?: unknown };
    return typeof name === "string" ? { ...trace, name: inLines(name) } : trace;
  });
  return { ...figure, data };
}

/** Broken between words, and within one that is too long for a line. */
export function inLines(name: string): string {
  const lines: string[] = [];
  const words = name.split(" ").flatMap((word) => word.match(WORD) ?? [""]);
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines.join("<br>");
}
