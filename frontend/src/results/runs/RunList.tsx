import { ActionIcon, Anchor, Group, Text } from "@mantine/core";
import { IconCopy, IconRefresh, IconX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { Run, Schemas } from "../../api/client";
import { DataTable } from "../../ui/DataTable";
import { duration, quantity, rate } from "../../ui/format";
import { RunProgress, StatusBadge } from "../../ui/Status";
import type { Column } from "../../ui/table";
import { BasketToggle } from "../basket/BasketToggle";
import type { Subject } from "../subject";
import { RunLog } from "./RunLog";
import { useRunAction } from "./useRunAction";

interface Props {
  subject: Subject;
  metric: Schemas["QuantityOut"] | undefined;
}

/** The runs as they go: where each stands, what came out, what can be done with it. */
export function RunList({ subject, metric }: Props) {
  const result = (run: Run) => run.summary?.[metric?.name ?? ""] ?? undefined;
  const columns: Column<Run>[] = [
    { id: "id", header: "Run", numeric: true, value: (run) => run.id },
    { id: "label", header: "Method", value: (run) => run.label },
    {
      id: "rank",
      header: "Rank",
      numeric: true,
      value: (run) => run.rank ?? undefined,
      cell: (run) => run.rank ?? "–",
    },
    {
      id: "rate",
      header: "Learning rate",
      numeric: true,
      value: (run) => run.learning_rate,
      cell: (run) => rate(run.learning_rate),
    },
    { id: "seed", header: "Seed", numeric: true, value: (run) => run.seed },
    {
      id: "status",
      header: "Status",
      value: (run) => run.status,
      cell: (run) => <RunStatus run={run} />,
    },
    {
      id: "metric",
      header: metric?.label ?? "",
      numeric: true,
      value: result,
      cell: (run) => {
        const value = result(run);
        return value === undefined ? "–" : quantity(value);
      },
    },
    {
      id: "time",
      header: "Took",
      numeric: true,
      value: (run) => run.finished_at ?? undefined,
      cell: (run) => duration(run.started_at, run.finished_at),
    },
    { id: "actions", header: "", value: () => undefined, cell: (run) => <RunActions run={run} /> },
  ];
  return <DataTable rows={subject.runs} columns={columns} caption="Runs" minWidth={860} />;
}

/** Where a run stands, and why. */
export function RunStatus({ run }: { run: Run }) {
  if (run.status === "running") return <RunProgress run={run} />;
  const note = run.error
    ? run.error.message + (run.error.hint ? ` – ${run.error.hint}` : "")
    : run.status === "succeeded"
      ? run.notes.join("; ")
      : run.reason;
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start">
      <StatusBadge status={run.status} />
      {note && (
        <Text
          size="xs"
          c={run.error ? "red" : "dimmed"}
          maw={360}
          lineClamp={run.error ? undefined : 2}
          title={note}
          style={{ overflowWrap: "anywhere" }}
        >
          {note}
        </Text>
      )}
    </Group>
  );
}

/** Its adapter, the comparison, cancel or run again: what makes sense for where it stands. */
export function RunActions({ run }: { run: Run }) {
  const retry = useRunAction("retry");
  return (
    <Group gap={6} wrap="nowrap" justify="flex-end">
      {run.has_adapter && (
        <Anchor size="sm" href={`/api/runs/${run.id}/adapter.zip`} download>
          adapter
        </Anchor>
      )}
      {run.status === "succeeded" && <BasketToggle item={`r${run.id}`} name={`run ${run.id}`} />}
      <ActionIcon
        size="sm"
        variant="subtle"
        color="gray"
        component={Link}
        to="/launch"
        search={{ run: run.id } as never}
        aria-label={`Use run ${run.id} as a template`}
        title="Use as template"
      >
        <IconCopy size={14} />
      </ActionIcon>
      {run.attempt > 0 && <RunLog run={run} />}
      {(run.status === "queued" || run.status === "running") && <CancelRun run={run} />}
      {(run.status === "failed" || run.status === "cancelled") && (
        <ActionIcon
          variant="subtle"
          aria-label={`Retry run ${run.id}`}
          title="Run again"
          onClick={() => retry(run.id)}
        >
          <IconRefresh size={16} />
        </ActionIcon>
      )}
    </Group>
  );
}

/** Cancels a run that waits or runs. */
export function CancelRun({ run }: { run: Run }) {
  const cancel = useRunAction("cancel");
  return (
    <ActionIcon
      variant="subtle"
      color="red"
      aria-label={`Cancel run ${run.id}`}
      title="Cancel"
      onClick={() => cancel(run.id)}
    >
      <IconX size={16} />
    </ActionIcon>
  );
}
