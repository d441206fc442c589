import { parsedView } from "../sharedView";

/** Whether a comment's view is one of this comparison, or where there is none, of its experiment. */
export function isOf(view: string | null, compared: string[] | undefined): boolean {
  const parsed = view === null ? undefined : parsedView(view);
  if (!compared) return parsed?.kind !== "compare";
  return parsed?.kind === "compare" && same(parsed.search.of ?? [], compared);
}

/** Whether two comparisons are of the same, in whatever order. */
function same(some: string[], others: string[]): boolean {
  return some.length === others.length && some.every((item) => others.includes(item));
}
