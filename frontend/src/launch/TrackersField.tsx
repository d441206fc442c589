import { MultiSelect, Stack, Text } from "@mantine/core";
import type { Catalog } from "../api/client";
import { problemsAt } from "../spec/problems";
import { useSpecForm } from "../spec/SpecForm";
import { fieldInfo } from "../spec/schema";

const PATH = "report_to";

/** Where runs are mirrored to: the trackers that are installed, and how to get the others. */
export function TrackersField({ catalog }: { catalog: Catalog }) {
  const { spec, schema, problems, set } = useSpecForm();
  const { label, help } = fieldInfo(schema, PATH);
  const chosen = spec.report_to ?? [];
  const missing = catalog.trackers.filter(({ installed }) => !installed);
  // What a spec has is shown, also where it is not offered here.
  const offered = catalog.trackers.filter(
    ({ name, installed }) => installed || chosen.includes(name),
  );
  const error = problemsAt(problems, PATH)
    .map(({ message }) => message)
    .join("; ");
  return (
    <Stack gap={4}>
      <MultiSelect
        label={label}
        description={help}
        error={error || undefined}
        placeholder={chosen.length === 0 ? "nowhere" : undefined}
        data={offered.map(({ name, label }) => ({ value: name, label }))}
        value={chosen}
        onChange={(names) => set(PATH, names)}
        disabled={offered.length === 0}
        clearable
      />
      {missing.length > 0 && (
        <Text size="xs" c="dimmed">
          Not installed on the server: {missing.map(({ label }) => label).join(", ")}. Whoever runs
          it can add {missing.length === 1 ? "it" : "them"}:{" "}
          {missing.map(({ install }) => install).join("; ")}.
        </Text>
      )}
    </Stack>
  );
}
