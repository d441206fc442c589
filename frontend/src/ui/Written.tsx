import { Typography } from "@mantine/core";
import { useEffect, useRef } from "react";
import "./written.css";

/** What people wrote, as HTML that the server made safe, with its formulas set. */
export function Written({ html }: { html: string }) {
  const place = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: its elements are new with it
  useEffect(() => {
    const formulas = place.current?.querySelectorAll<HTMLElement>("code.formula") ?? [];
    if (formulas.length > 0) void typeset([...formulas]);
  }, [html]);
  return (
    <Typography
      ref={place}
      style={{ overflowWrap: "anywhere" }}
      // biome-ignore lint/security/noDangerouslySetInnerHtml: made safe by backend/results/markdown_text.py
      dangerouslySetInnerHTML={{ __html: html }}
    />
  );
}

/** Without KaTeX, such as offline before it was loaded, they stay TeX. */
async function typeset(formulas: HTMLElement[]): Promise<void> {
  const { set } = await import("./formulas");
  for (const formula of formulas) {
    const place = document.createElement("span");
    set(place, formula.textContent ?? "", formula.classList.contains("display"));
    // Where it was removed meanwhile, nobody sees this one either.
    formula.replaceWith(place);
  }
}
