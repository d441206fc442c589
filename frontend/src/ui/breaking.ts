import type { CSSProperties } from "react";

/** Words up to here stay whole: those of people, not paths or names without spaces. */
const WHOLE = 24;

/** The style of a text whose words may be so long that a table would grow by them: they break. */
export function breaking(text: string): CSSProperties | undefined {
  if (text.split(/\s/).every((word) => word.length <= WHOLE)) return undefined;
  // Without its least width, all other columns would take what such a text leaves.
  return { display: "inline-block", minWidth: `${WHOLE}ch`, overflowWrap: "anywhere" };
}
