import { type Raw, text, whole } from "../ui/searchParams";

interface HistorySearch {
  q?: string;
  page?: number;
}

export function historySearch(raw: Raw): HistorySearch {
  return { q: text(raw.q), page: whole(raw.page) };
}
