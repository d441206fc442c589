/** KaTeX with its fonts: a script that is loaded when the first formula is shown. */

import katex from "katex";
import "katex/dist/katex.min.css";

/** Set a formula; what is no TeX stays as it was written, with what is wrong as its title. */
export function set(place: HTMLElement, tex: string, display: boolean): void {
  try {
    katex.render(tex, place, { displayMode: display, maxExpand: 200, maxSize: 20, trust: false });
  } catch (error) {
    place.textContent = tex;
    place.title = error instanceof Error ? error.message : "";
  }
}
