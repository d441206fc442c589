/** The views of results that an experiment and a comparison share. */

import type { ReactNode } from "react";
import { AlignmentTab } from "./AlignmentTab";
import { CostTab } from "./CostTab";
import { CurvesTab } from "./CurvesTab";
import { LearningRateTab } from "./LearningRateTab";
import { OverviewTab } from "./OverviewTab";
import { RunsTab } from "./RunsTab";
import { SpectraTab } from "./SpectraTab";
import { StepZeroTab } from "./StepZeroTab";
import type { ViewProps } from "./subject";
import { UpdateTab } from "./UpdateTab";

export interface View {
  label: string;
  panel: (props: ViewProps) => ReactNode;
}

export const VIEWS = {
  overview: { label: "Overview", panel: OverviewTab },
  curves: { label: "Curves", panel: CurvesTab },
  "learning-rate": { label: "Learning rate", panel: LearningRateTab },
  spectra: { label: "Spectra", panel: SpectraTab },
  alignment: { label: "Alignment", panel: AlignmentTab },
  step0: { label: "Step 0", panel: StepZeroTab },
  update: { label: "Update", panel: UpdateTab },
  cost: { label: "Cost", panel: CostTab },
  runs: { label: "Runs", panel: RunsTab },
} satisfies Record<string, View>;
