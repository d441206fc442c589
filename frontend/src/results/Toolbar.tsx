import { Chip, Group, SegmentedControl, Select, Switch } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { ReactNode } from "react";
import { withUnit } from "../ui/format";
import { fits, MOST_LABELS, MOST_LINK } from "./basket/basket";
import { runTitle } from "./runs/runTitle";
import { finished, methodLabels, type Shown, shownRun } from "./subject";

/** The controls above a figure. */
export function Toolbar({ children }: { children: ReactNode }) {
  return (
    <Group gap="sm" align="flex-end" mb="sm">
      {children}
    </Group>
  );
}

interface Option {
  value: string;
  label: string;
}

/** Rows of the catalogue as options, with their units where they have any. */
export function optionsOf(rows: { name: string; label: string; unit: string }[]): Option[] {
  return rows.map(({ name, label, unit }) => ({ value: name, label: withUnit(label, unit) }));
}

interface ChoiceProps {
  label: string;
  value: string;
  options: (Option | { group: string; items: Option[] })[];
  onChange: (value: string) => void;
  width?: number;
  /** For long lists: typing finds an option. */
  searchable?: boolean;
}

export function Choice({
  label,
  value,
  options,
  onChange,
  width = 220,
  searchable = false,
}: ChoiceProps) {
  return (
    <Select
      label={label}
      size="xs"
      w={width}
      data={options}
      value={value}
      allowDeselect={false}
      searchable={searchable}
      selectFirstOptionOnChange={searchable}
      nothingFoundMessage="Nothing fits"
      onChange={(chosen) => chosen !== null && onChange(chosen)}
    />
  );
}

/** One finished run; the first where the URL names none. */
export function RunChoice({ subject, search, change }: Shown) {
  const run = shownRun(subject, search);
  if (run === undefined) return null;
  return (
    <Choice
      label="Of run"
      width={330}
      value={String(run)}
      options={finished(subject).map((one) => ({ value: String(one.id), label: runTitle(one) }))}
      onChange={(value) => change({ run: Number(value) })}
    />
  );
}

/** Each method at its own best learning rate, or every run. */
export function RatesSwitch({ search, change }: Pick<Shown, "search" | "change">) {
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

/** A switch between a linear and a logarithmic axis. */
export function LogSwitch({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <Switch
      label={label}
      size="xs"
      mb={6}
      checked={checked}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

const TOO_MANY =
  `A link has room for ${MOST_LABELS} methods whose names take up to ${MOST_LINK} characters: ` +
  "compare those you want to see instead.";

/** Which methods a figure shows; none chosen means all. */
export function MethodChips({ subject, search, change }: Shown) {
  const labels = methodLabels(subject);
  const chosen = search.methods ?? labels;
  return (
    <Chip.Group
      multiple
      value={chosen}
      onChange={(value) => {
        const all = value.length === 0 || value.length === labels.length;
        if (!all && !fits(value, MOST_LABELS)) {
          notifications.show({ color: "yellow", message: TOO_MANY });
        } else change({ methods: all ? undefined : value });
      }}
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
