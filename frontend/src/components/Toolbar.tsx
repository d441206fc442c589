import { Chip, Group, SegmentedControl, Select } from "@mantine/core";
import type { ReactNode } from "react";
import type { ExperimentDetail } from "../api/client";
import type { TabProps } from "../pages/Experiment";
import { rate } from "../view/format";

/** The controls above a figure. */
export function Toolbar({ children }: { children: ReactNode }) {
  return (
    <Group gap="sm" align="flex-end" mb="sm">
      {children}
    </Group>
  );
}

export interface Option {
  value: string;
  label: string;
}

export function Choice({
  label,
  value,
  options,
  onChange,
  width = 220,
}: {
  label: string;
  value: string;
  options: Option[];
  onChange: (value: string) => void;
  width?: number;
}) {
  return (
    <Select
      label={label}
      size="xs"
      w={width}
      data={options}
      value={value}
      allowDeselect={false}
      onChange={(chosen) => chosen !== null && onChange(chosen)}
    />
  );
}

/** One finished run; the first where the URL names none. */
export function RunChoice({ experiment, search, change }: TabProps) {
  const measured = finished(experiment);
  const run = shownRun(experiment, search);
  if (run === undefined) return null;
  return (
    <Choice
      label="Of run"
      width={330}
      value={String(run)}
      options={measured.map((one) => ({
        value: String(one.id),
        label: `${one.label}, lr ${rate(one.learning_rate)}, seed ${one.seed}`,
      }))}
      onChange={(value) => change({ run: Number(value) })}
    />
  );
}

/** The run that the URL names, or the first that has finished. */
export function shownRun(experiment: ExperimentDetail, search: TabProps["search"]) {
  return search.run ?? finished(experiment)[0]?.id;
}

/** The runs that have all their results. */
function finished(experiment: ExperimentDetail) {
  return experiment.runs.filter(({ status }) => status === "succeeded");
}

/** Each method at its own best learning rate, or every run. */
export function RatesSwitch({ search, change }: Pick<TabProps, "search" | "change">) {
  return (
    <SegmentedControl
      size="xs"
      aria-label="Which learning rates"
      value={search.rates ?? "best"}
      onChange={(value) => change({ rates: value === "all" ? "all" : undefined })}
      data={[
        { value: "best", label: "Best learning rate" },
        { value: "all", label: "All" },
      ]}
    />
  );
}

/** The labels of an experiment's methods, in order. */
export function methodLabels(experiment: ExperimentDetail): string[] {
  return [...new Set(experiment.runs.map((run) => run.label))];
}

/** Which methods a figure shows; none chosen means all. */
export function MethodChips({ experiment, search, change }: TabProps) {
  const labels = methodLabels(experiment);
  const chosen = search.methods ?? labels;
  return (
    <Chip.Group
      multiple
      value={chosen}
      onChange={(value) =>
        change({
          methods: value.length === 0 || value.length === labels.length ? undefined : value,
        })
      }
    >
      <Group gap={6} role="group" aria-label="Methods shown">
        {labels.map((label) => (
          <Chip key={label} value={label} size="xs">
            {label}
          </Chip>
        ))}
      </Group>
    </Chip.Group>
  );
}
