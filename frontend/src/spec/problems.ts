import type { FieldProblem } from "../api/client";

/** What is wrong at a path or below it, with the allowed range. */
export function problemAt(problems: FieldProblem[], path: string): string | undefined {
  const here = problems.filter((p) => p.path === path || p.path.startsWith(`${path}.`));
  if (here.length === 0) return undefined;
  return here
    .map(({ message, allowed, value }) => {
      const given = value === null || value === undefined ? "" : `${String(value)}: `;
      return given + message + (allowed ? ` (allowed: ${allowed})` : "");
    })
    .join("; ");
}
