/** What the catalogue says to the views of results: the quantities of a task, and which names are. */

import { api, type Catalog } from "../api/client";
import type { ViewSearch } from "./search";

type Task = Catalog["tasks"][number];
type Metric = Catalog["metrics"][number];

/** The catalogue's row of a task; none while it loads, or where no such task is installed. */
export function useTask(name: string): Task | undefined {
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  return catalog?.tasks.find((task) => task.name === name);
}

/** The metrics that runs of these tasks have while they train, those of all of them first. */
export function curvesOf(catalog: Catalog, tasks: string[]): Metric[] {
  return metrics(catalog, tasks, "curves");
}

/** The metrics that runs of these tasks can be judged by, those of all of them first. */
export function judgesOf(catalog: Catalog, tasks: string[]): Metric[] {
  return metrics(catalog, tasks, "judges");
}

/** Of a task that is not installed here nothing is known: it may have any metric. */
function metrics(catalog: Catalog, tasks: string[], of: "curves" | "judges"): Metric[] {
  const rows = tasks.map((task) => catalog.tasks.find(({ name }) => name === task));
  const lists = rows.map((row) => row?.[of] ?? catalog.metrics.map(({ name }) => name));
  const names = [...new Set(lists.flat())];
  const shared = names.filter((name) => lists.every((list) => list.includes(name)));
  const ordered = new Set([...shared, ...names]);
  return [...ordered].flatMap((name) => catalog.metrics.find((row) => row.name === name) ?? []);
}

/** A link's choices without names that the catalogue lacks: those show the default view. */
export function known<Search extends ViewSearch>(search: Search, catalog: Catalog): Search {
  const lists: Partial<Record<keyof ViewSearch, string[]>> = {
    judge: catalog.tasks.flatMap(({ judges }) => judges),
    metric: names(catalog.metrics),
    measure: names(catalog.alignments),
    cost: names(catalog.costs),
    quantity: names(catalog.spectra),
    scalar: names(catalog.scalars),
    column: names(catalog.columns),
  };
  const kept = Object.entries(search).filter(([key, value]) => {
    const list = lists[key as keyof ViewSearch];
    return list === undefined || list.includes(String(value));
  });
  return Object.fromEntries(kept) as Search;
}

function names(rows: { name: string }[]): string[] {
  return rows.map(({ name }) => name);
}
