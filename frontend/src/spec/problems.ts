import type { FieldProblem } from "../api/client";

/** The problems at a path or below it. */
export function problemsAt(problems: FieldProblem[], path: string): FieldProblem[] {
  return problems.filter((p) => p.path === path || p.path.startsWith(`${path}.`));
}

/** What is wrong at a path or below it, with the allowed range. */
export function problemAt(problems: FieldProblem[], path: string): string | undefined {
  const here = problemsAt(problems, path);
  if (here.length === 0) return undefined;
  return here
    .map(({ message, allowed, value }) => {
      const given = value === null || value === undefined ? "" : `${String(value)}: `;
      return given + message + (allowed ? ` (allowed: ${allowed})` : "");
    })
    .join("; ");
}
