/** The URL is the view: what each page keeps in its search parameters. */

export const TABS = [
  "overview",
  "curves",
  "learning-rate",
  "spectra",
  "alignment",
  "step0",
  "update",
  "cost",
  "recipe",
  "notes",
] as const;
export type Tab = (typeof TABS)[number];

export const JUDGES = ["eval_loss", "accuracy", "perplexity", "relative_loss"] as const;
export type Judge = (typeof JUDGES)[number];

export interface ExperimentSearch {
  tab?: Tab;
  judge?: Judge;
  metric?: string;
  x?: "step" | "tokens" | "seconds";
  rates?: "best" | "all";
  log?: boolean;
  smooth?: number;
  quantity?: string;
  scalar?: string;
  layer?: number;
  methods?: string[];
  run?: number;
  measure?: "mean_cos2" | "sin_max" | "energy";
  column?: string;
  at?: "init" | "end";
  cost?: "train_seconds" | "memory_bytes" | "trained_parameters";
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

/** Keep what is known and well-formed; a mangled link shows the default view, not an error. */
export function experimentSearch(raw: Raw): ExperimentSearch {
  const smooth = Number(raw.smooth);
  const found: ExperimentSearch = {
    tab: oneOf(raw.tab, TABS),
    judge: oneOf(raw.judge, JUDGES),
    metric: text(raw.metric),
    x: oneOf(raw.x, ["step", "tokens", "seconds"]),
    rates: oneOf(raw.rates, ["best", "all"]),
    log: typeof raw.log === "boolean" ? raw.log : undefined,
    smooth: smooth > 0 && smooth < 1 ? smooth : undefined,
    quantity: text(raw.quantity),
    scalar: text(raw.scalar),
    layer: whole(raw.layer),
    methods: Array.isArray(raw.methods) ? raw.methods.map(String) : undefined,
    run: whole(raw.run),
    measure: oneOf(raw.measure, ["mean_cos2", "sin_max", "energy"]),
    column: text(raw.column),
    at: oneOf(raw.at, ["init", "end"]),
    cost: oneOf(raw.cost, ["train_seconds", "memory_bytes", "trained_parameters"]),
  };
  return Object.fromEntries(
    Object.entries(found).filter(([, value]) => value !== undefined),
  ) as ExperimentSearch;
}

export interface LaunchSearch {
  preset?: string;
  from?: number;
}

export function launchSearch(raw: Raw): LaunchSearch {
  return { preset: text(raw.preset), from: whole(raw.from) };
}

export interface HistorySearch {
  q?: string;
  page?: number;
}

export function historySearch(raw: Raw): HistorySearch {
  return { q: text(raw.q), page: whole(raw.page) };
}
