import type { paths } from "../api/schema";
import { defined, oneOf, type Raw, text, whole } from "../ui/searchParams";

type Query = NonNullable<paths["/api/experiments"]["get"]["parameters"]["query"]>;
/** A column of the table, with a minus from the largest on. */
export type Sort = NonNullable<Query["sort"]>;

const COLUMNS = [
  "name",
  "status",
  "runs",
  "methods",
  "best",
  "model",
  "author",
  "created",
] as const satisfies Sort[];

export const SORTS: readonly Sort[] = COLUMNS.flatMap((column) => [column, `-${column}`] as const);

export interface HistorySearch {
  q?: string;
  page?: number;
  sort?: Sort;
}

export function historySearch(raw: Raw): HistorySearch {
  return defined({ q: text(raw.q), page: whole(raw.page), sort: oneOf(raw.sort, SORTS) });
}
