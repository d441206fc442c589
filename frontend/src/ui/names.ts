import type { PlotlyFigure } from "./Plot";

/** A name of more characters is wider than a phone's figure. */
const WIDTH = 44;

/** The figure with long names of its series in lines: the legend cuts off what is too wide. */
export function withNamesInLines(figure: PlotlyFigure): PlotlyFigure {
  const data = figure.data.map((trace) => {
    const { name } = trace as { name?: unknown };
    return typeof name === "string" ? { ...trace, name: inLines(name) } : trace;
  });
  return { ...figure, data };
}

/** Broken between words alone. */
export function inLines(name: string): string {
  const lines: string[] = [];
  for (const word of name.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines.join("<br>");
}
