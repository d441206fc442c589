/** The URL is the view: what the pages of results keep in their search parameters. */

import type { paths } from "../api/schema";
import { defined, flag, oneOf, type Raw, text, whole, words } from "../ui/searchParams";
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

const TABS = [...VIEWS, "recipe", "notes", "comments"] as const;
export type Tab = (typeof TABS)[number];

const COMPARE_TABS = [...VIEWS, "differences"] as const;
export type CompareTab = (typeof COMPARE_TABS)[number];

type Query<Path extends keyof paths> = paths[Path] extends {
  get: { parameters: { query?: infer Q } };
}
  ? NonNullable<Q>
  : never;

export type Judge = NonNullable<Query<"/api/overview">["judge"]>;
export type Measure = NonNullable<Query<"/api/figures/alignment">["measure"]>;
export type Cost = NonNullable<Query<"/api/figures/cost">["cost"]>;

/** What the views of results keep, whichever runs they show; names are those of the catalogue. */
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
  /** The class of layers whose experts are mapped. */
  experts?: string;
  methods?: string[];
  run?: number;
  measure?: Measure;
  side?: "left" | "right";
  step?: number;
  column?: string;
  at?: "init" | "end";
  cost?: Cost;
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

function viewSearch(raw: Raw): ViewSearch {
  const smooth = Number(raw.smooth);
  return {
    judge: text(raw.judge) as Judge | undefined,
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
    experts: text(raw.experts),
    methods: words(raw.methods),
    run: whole(raw.run),
    measure: text(raw.measure) as Measure | undefined,
    side: oneOf(raw.side, ["left", "right"]),
    step: whole(raw.step),
    column: text(raw.column),
    at: oneOf(raw.at, ["init", "end"]),
    cost: text(raw.cost) as Cost | undefined,
    columns: words(raw.columns),
    differs: flag(raw.differs),
  };
}

/** Keep what is known and well-formed; a mangled link shows the default view, not an error. */
export function experimentSearch(raw: Raw): ExperimentSearch {
  return defined({ tab: oneOf(raw.tab, TABS), ...viewSearch(raw) });
}

export function compareSearch(raw: Raw): CompareSearch {
  return defined({
    of: wellFormed(raw.of),
    tab: oneOf(raw.tab, COMPARE_TABS),
    ...viewSearch(raw),
  });
}
