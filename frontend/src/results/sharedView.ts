/** A view of results as a share link keeps it: its path and search in the page. */

import { defaultParseSearch, defaultStringifySearch } from "@tanstack/react-router";
import {
  type CompareSearch,
  compareSearch,
  type ExperimentSearch,
  experimentSearch,
} from "./search";

export type SharedView =
  | { kind: "experiment"; id: number; search: ExperimentSearch }
  | { kind: "compare"; search: CompareSearch };

export function viewAddress(path: string, search: ExperimentSearch | CompareSearch): string {
  return path + defaultStringifySearch(search);
}

/** The view at an address; undefined where it is none that this page knows. */
export function parsedView(view: string): SharedView | undefined {
  const [path = "", ...rest] = view.split("?");
  const raw = defaultParseSearch(`?${rest.join("?")}`);
  if (path === "/compare") return { kind: "compare", search: compareSearch(raw) };
  const id = /^\/experiments\/([1-9]\d*)$/.exec(path)?.[1];
  if (id === undefined) return undefined;
  return { kind: "experiment", id: Number(id), search: experimentSearch(raw) };
}
