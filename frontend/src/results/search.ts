/** The URL is the view: what each page keeps in its search parameters. */

import { wellFormed } from "./basket/basket";

/** The views of results that an experiment and a comparison share. */
const VIEWS = [
  "overview",
  "curves",
  "learning-rate",
  "spectra",
  "alignment",
  "step0",
  "update",
  "cost",
  "runs",
] as const;

export const TABS = [...VIEWS, "recipe", "notes"] as const;
export type Tab = (typeof TABS)[number];

export const COMPARE_TABS = [...VIEWS, "differences"] as const;
export type CompareTab = (typeof COMPARE_TABS)[number];

export const JUDGES = ["eval_loss", "accuracy", "perplexity", "relative_loss"] as const;
export type Judge = (typeof JUDGES)[number];

/** What the views of results keep, whatever they look at. */
export interface ViewSearch {
  judge?: Judge;
  metric?: string;
  x?: "step" | "tokens" | "seconds";
  rates?: "best" | "all";
  log?: boolean;
  logx?: boolean;
  smooth?: number;
  quantity?: string;
  scalar?: string;
  layer?: number;
  module?: string;
  methods?: string[];
  run?: number;
  measure?: "mean_cos2" | "sin_max" | "energy";
  side?: "left" | "right";
  step?: number;
  column?: string;
  at?: "init" | "end";
  cost?: "train_seconds" | "memory_bytes" | "trained_parameters";
  columns?: string[];
  differs?: boolean;
}

export interface ExperimentSearch extends ViewSearch {
  tab?: Tab;
}

export interface CompareSearch extends ViewSearch {
  of?: string[];
  tab?: CompareTab;
}

type Raw = Record<string, unknown>;

function oneOf<T extends string>(value: unknown, choices: readonly T[]): T | undefined {
  return choices.find((choice) => choice === value);
}

function whole(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function words(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}

function known<T extends object>(found: T): T {
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as T;
}

function viewSearch(raw: Raw): ViewSearch {
  const smooth = Number(raw.smooth);
  return {
    judge: oneOf(raw.judge, JUDGES),
    metric: text(raw.metric),
    x: oneOf(raw.x, ["step", "tokens", "seconds"]),
    rates: oneOf(raw.rates, ["best", "all"]),
    log: flag(raw.log),
    logx: flag(raw.logx),
    smooth: smooth > 0 && smooth < 1 ? smooth : undefined,
    quantity: text(raw.quantity),
    scalar: text(raw.scalar),
    layer: whole(raw.layer),
    module: text(raw.module),
    methods: words(raw.methods),
    run: whole(raw.run),
    measure: oneOf(raw.measure, ["mean_cos2", "sin_max", "energy"]),
    side: oneOf(raw.side, ["left", "right"]),
    step: whole(raw.step),
    column: text(raw.column),
    at: oneOf(raw.at, ["init", "end"]),
    cost: oneOf(raw.cost, ["train_seconds", "memory_bytes", "trained_parameters"]),
    columns: words(raw.columns),
    differs: flag(raw.differs),
  };
}

/** Keep what is known and well-formed; a mangled link shows the default view, not an error. */
export function experimentSearch(raw: Raw): ExperimentSearch {
  return known({ tab: oneOf(raw.tab, TABS), ...viewSearch(raw) });
}

export function compareSearch(raw: Raw): CompareSearch {
  return known({
    of: wellFormed(raw.of),
    tab: oneOf(raw.tab, COMPARE_TABS),
    ...viewSearch(raw),
  });
}

export interface LaunchSearch {
  preset?: string;
  /** The experiment, or the single run, that is the template. */
  from?: number;
  run?: number;
}

export function launchSearch(raw: Raw): LaunchSearch {
  return known({ preset: text(raw.preset), from: whole(raw.from), run: whole(raw.run) });
}

export interface HistorySearch {
  q?: string;
  page?: number;
}

export function historySearch(raw: Raw): HistorySearch {
  return { q: text(raw.q), page: whole(raw.page) };
}
