import {
  ActionIcon,
  Alert,
  Anchor,
  Group,
  SegmentedControl,
  Skeleton,
  Stack,
  Text,
  Title,
} from "@mantine/core";
import { IconRefresh, IconX } from "@tabler/icons-react";
import { api, type Run, type Schemas, sentence } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { RunProgress, StatusBadge } from "../../components/Status";
import { useRunAction } from "../../components/useRunAction";
import { duration, estimate, quantity, rate } from "../../view/format";
import type { Judge } from "../../view/search";
import type { TabProps } from "../Experiment";

/** A verdict in a sentence, the methods at their best learning rates, and all runs. */
export function OverviewTab({ experiment, search, change }: TabProps) {
  const { data, error } = api.useQuery("get", "/api/experiments/{experiment_id}/overview", {
    params: { path: { experiment_id: experiment.id }, query: { judge: search.judge } },
  });
  if (error) return <Alert color="red">{sentence(error)}</Alert>;
  if (!data) return <Skeleton height={300} />;
  return (
    <Stack>
      <Alert variant="light" title="Verdict">
        {data.verdict}
      </Alert>
      <Group gap="xs">
        <Text size="sm">Judged by</Text>
        <SegmentedControl
          size="xs"
          aria-label="Judged by"
          value={data.metric}
          onChange={(value) =>
            change({ judge: value === data.judges[0]?.name ? undefined : (value as Judge) })
          }
          data={data.judges.map(({ name, label }) => ({ value: name, label }))}
        />
      </Group>
      <MethodTable overview={data} />
      <Title order={4} mt="sm">
        Runs
      </Title>
      <RunTable
        experiment={experiment}
        metric={data.judges.find(({ name }) => name === data.metric) ?? data.judges[0]}
      />
    </Stack>
  );
}

type Row = Schemas["OverviewRow"];

function MethodTable({ overview }: { overview: Schemas["OverviewOut"] }) {
  const columns: Column<Row>[] = [
    { id: "label", header: "Method", value: (row) => row.label },
    {
      id: "rank",
      header: "Rank",
      numeric: true,
      value: (row) => row.rank ?? undefined,
      cell: (row) => row.rank ?? "–",
    },
    {
      id: "rate",
      header: "Best learning rate",
      numeric: true,
      value: (row) => row.learning_rate ?? undefined,
      cell: (row) => (row.learning_rate === null ? "–" : rate(row.learning_rate)),
    },
    {
      id: "runs",
      header: "Finished",
      numeric: true,
      value: (row) => row.finished,
      cell: (row) => `${row.finished} of ${row.runs}`,
    },
    {
      id: "seeds",
      header: "Seeds",
      numeric: true,
      value: (row) => row.values[overview.metric]?.n,
      cell: (row) => row.values[overview.metric]?.n ?? "–",
    },
    ...overview.columns.map(
      (column): Column<Row> => ({
        id: column.name,
        header: column.unit ? `${column.label} (${column.unit})` : column.label,
        numeric: true,
        value: (row) => row.values[column.name]?.mean,
        cell: (row) => {
          const found = row.values[column.name];
          return found ? estimate(found) : "–";
        },
      }),
    ),
  ];
  return <DataTable rows={overview.rows} columns={columns} caption="Methods" minWidth={980} />;
}

interface RunTableProps {
  experiment: TabProps["experiment"];
  metric: Schemas["QuantityOut"] | undefined;
}

function RunTable({ experiment, metric }: RunTableProps) {
  const result = (run: Run) => run.summary?.[metric?.name ?? ""] ?? undefined;
  const hasAdapter = experiment.spec.measure.save_adapter && experiment.task !== "teacher-student";
  const cancel = useRunAction("cancel");
  const retry = useRunAction("retry");
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
    {
      id: "actions",
      header: "",
      value: () => undefined,
      cell: (run) => (
        <Group gap={6} wrap="nowrap" justify="flex-end">
          {run.status === "succeeded" && hasAdapter && (
            <Anchor size="sm" href={`/api/runs/${run.id}/adapter.zip`} download>
              adapter
            </Anchor>
          )}
          {run.status === "queued" || run.status === "running" ? (
            <ActionIcon
              variant="subtle"
              color="red"
              aria-label={`Cancel run ${run.id}`}
              title="Cancel"
              onClick={() => cancel(run.id)}
            >
              <IconX size={16} />
            </ActionIcon>
          ) : (
            run.status !== "succeeded" && (
              <ActionIcon
                variant="subtle"
                aria-label={`Retry run ${run.id}`}
                title="Run again"
                onClick={() => retry(run.id)}
              >
                <IconRefresh size={16} />
              </ActionIcon>
            )
          )}
        </Group>
      ),
    },
  ];
  return <DataTable rows={experiment.runs} columns={columns} caption="Runs" minWidth={860} />;
}

function RunStatus({ run }: { run: Run }) {
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
