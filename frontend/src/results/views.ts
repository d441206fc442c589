/** The views of results that an experiment and a comparison share. */

import type { ReactNode } from "react";
import type { Catalog } from "../api/client";
import { AlignmentTab } from "./AlignmentTab";
import { CostTab } from "./CostTab";
import { CurvesTab } from "./CurvesTab";
import { LearningRateTab } from "./LearningRateTab";
import { OverviewTab } from "./OverviewTab";
import { RunsTab } from "./RunsTab";
import { SpectraTab } from "./SpectraTab";
import { StepZeroTab } from "./StepZeroTab";
import type { CompareTab, Tab } from "./search";
import type { ViewProps } from "./subject";
import { UpdateTab } from "./UpdateTab";

export interface View {
  /** What its tab is called; the tab of a figure is called as the figure is. */
  label?: string;
  panel: (props: ViewProps) => ReactNode;
}

export const VIEWS = {
  overview: { label: "Overview", panel: OverviewTab },
  curves: { panel: CurvesTab },
  "learning-rate": { panel: LearningRateTab },
  spectra: { panel: SpectraTab },
  alignment: { panel: AlignmentTab },
  step0: { panel: StepZeroTab },
  update: { label: "Update", panel: UpdateTab },
  cost: { panel: CostTab },
  runs: { label: "Runs", panel: RunsTab },
} satisfies Record<string, View>;

/** What a tab of an experiment or a comparison is called. */
export function tabLabel(tab: Tab | CompareTab, catalog: Catalog | undefined): string {
  const own: Partial<View> = tab in VIEWS ? VIEWS[tab as keyof typeof VIEWS] : {};
  const figure = catalog?.figures.find(({ name }) => name === tab)?.label;
  return own.label ?? figure ?? tab.charAt(0).toUpperCase() + tab.slice(1);
}

/** Every tab with its label: its own, or that of the figure it is named after. */
export function labelled<Name extends string>(
  panels: { [Panel in Name]?: { label?: string } },
  catalog: Catalog,
): Record<Name, { label: string }> {
  const figures = new Map(catalog.figures.map(({ name, label }) => [name, label]));
  const tabs = Object.entries(panels as Record<string, { label?: string }>).map(
    ([name, { label }]) => [name, { label: label ?? figures.get(name) ?? name }],
  );
  return Object.fromEntries(tabs) as Record<Name, { label: string }>;
}
