import { Badge, Group, Progress, Stack, Text, Tooltip } from "@mantine/core";
import type { Experiment, Run } from "../api/client";
import { phaseLabel } from "./format";

const COLOURS: Record<Run["status"], string> = {
  queued: "gray",
  running: "blue",
  succeeded: "teal",
  failed: "red",
  cancelled: "orange",
};

export function StatusBadge({ status }: { status: Run["status"] }) {
  return (
    <Badge
      color={COLOURS[status]}
      variant="light"
      radius="sm"
      miw="max-content"
      styles={{ label: { color: "var(--mantine-color-text)" } }}
    >
      {status}
    </Badge>
  );
}

/** Phase and share of a running run. */
export function RunProgress({ run }: { run: Run }) {
  const share = run.total > 0 ? (100 * run.done) / run.total : 0;
  const label = `${phaseLabel(run.phase)}${run.total > 1 ? ` ${run.done} of ${run.total}` : ""}`;
  return (
    <Stack gap={2} miw={140}>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Progress value={share} size="sm" aria-label={label} transitionDuration={200} />
    </Stack>
  );
}

/** How many of an experiment's runs are in each status, as one bar. */
export function CountsBar({ counts }: { counts: Experiment["counts"] }) {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const parts = (Object.keys(COLOURS) as Run["status"][]).filter((status) => counts[status] > 0);
  const words = parts.map((status) => `${counts[status]} ${status}`).join(", ");
  return (
    <Tooltip label={words}>
      <Group gap={6} wrap="nowrap" miw={150}>
        <Progress.Root size="md" style={{ flex: 1 }} aria-label={words} role="img">
          {["succeeded", "failed", "cancelled", "running"].map((status) => (
            <Progress.Section
              key={status}
              value={(100 * counts[status as Run["status"]]) / total}
              color={COLOURS[status as Run["status"]]}
              withAria={false}
            />
          ))}
        </Progress.Root>
        <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>
          {counts.succeeded + counts.failed + counts.cancelled} / {total}
        </Text>
      </Group>
    </Tooltip>
  );
}
