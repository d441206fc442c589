import { Group, Text } from "@mantine/core";
import type { Run } from "../../api/client";
import { RunProgress, StatusBadge } from "../../ui/Status";

interface Props {
  run: Run;
  /** Notes that are said elsewhere, of all runs alike. */
  shared?: string[];
}

/** Where a run stands, and why. */
export function RunStatus({ run, shared = [] }: Props) {
  if (run.status === "running") return <RunProgress run={run} />;
  const note = run.error
    ? run.error.message + (run.error.hint ? ` – ${run.error.hint}` : "")
    : run.status === "succeeded"
      ? run.notes.filter((note) => !shared.includes(note)).join("; ")
      : run.reason;
  const warned = !run.error && run.warnings.length > 0;
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start">
      <StatusBadge status={run.status} />
      {note && (
        <Text
          size="xs"
          c={run.error ? "red" : warned ? undefined : "dimmed"}
          fw={warned ? 500 : undefined}
          maw={360}
          lineClamp={run.error || warned ? undefined : 2}
          title={note}
          style={{ overflowWrap: "anywhere" }}
        >
          {note}
        </Text>
      )}
    </Group>
  );
}
