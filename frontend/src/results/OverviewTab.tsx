import {
  ActionIcon,
  Alert,
  Group,
  SegmentedControl,
  Skeleton,
  Stack,
  Text,
  Title,
} from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { api, type Run, type Schemas } from "../api/client";
import { useOwners, useWhyNot } from "../people/may";
import { DataTable } from "../ui/DataTable";
import { estimate, rate, withUnit } from "../ui/format";
import { Sparkline } from "../ui/Sparkline";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { BasketToggle } from "./basket/BasketToggle";
import { RunList } from "./runs/RunList";
import { useCancelAll } from "./runs/useCancelAll";
import type { Judge } from "./search";
import type { ViewProps } from "./subject";

/** An answer to each question, the methods at their best learning rates, and all runs. */
export function OverviewTab({ subject, search, change }: ViewProps) {
  const { data, error } = api.useQuery("get", "/api/overview", {
    params: { query: { of: subject.of, judge: search.judge } },
  });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={300} />;
  return (
    <Stack>
      <Answers answers={data.answers} />
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
      <MethodTable overview={data} runs={subject.runs} />
      <Title order={4} mt="sm">
        Runs
      </Title>
      <RunList
        subject={subject}
        metric={data.judges.find(({ name }) => name === data.metric) ?? data.judges[0]}
      />
    </Stack>
  );
}

/** What can be said, question by question; a warning where nothing can be compared. */
function Answers({ answers }: { answers: Schemas["AnswerOut"][] }) {
  return (
    <Stack gap="xs">
      {answers.map(({ question, answer }) => (
        <Alert
          key={question}
          variant="light"
          color={/^(Not |With care|Undecided)/.test(answer) ? "orange" : "blue"}
          title={question}
          py="xs"
          styles={{ message: { color: "var(--mantine-color-text)" } }}
        >
          {answer}
        </Alert>
      ))}
    </Stack>
  );
}

type Row = Schemas["OverviewRow"];

const ACTIVE: Run["status"][] = ["queued", "running"];

interface MethodTableProps {
  overview: Schemas["OverviewOut"];
  runs: Run[];
}

function MethodTable({ overview, runs }: MethodTableProps) {
  const { cancelAll } = useCancelAll();
  const { change } = useWhyNot();
  const owners = useOwners();
  const mine = runs.every((run) => change(owners[run.experiment_id]) === undefined);
  const going = runs.filter(({ status }) => ACTIVE.includes(status));
  const active = new Set(going.map(({ label }) => label));
  const columns: Column<Row>[] = [
    {
      id: "compare",
      header: "",
      value: () => undefined,
      cell: (row) => <BasketToggle item={row.item} name={row.series} />,
    },
    {
      id: "label",
      header: "Method",
      value: (row) => row.label,
      cell: (row) => <span style={{ whiteSpace: "nowrap" }}>{row.label}</span>,
    },
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
      cell: (row) => (
        <Group gap={4} wrap="nowrap" justify="flex-end">
          <span style={{ whiteSpace: "nowrap" }}>
            {`${row.finished} of ${row.runs}`}
            {row.failed > 0 && <Text span inherit fw={600}>{`, ${row.failed} failed`}</Text>}
          </span>
          {active.has(row.label) && mine && (
            <ActionIcon
              size="sm"
              variant="subtle"
              color="red"
              aria-label={`Cancel the other runs of ${row.label}`}
              title="Cancel what has not ended"
              onClick={() =>
                cancelAll([row.item], going.filter(({ label }) => label === row.label).length)
              }
            >
              <IconX size={14} />
            </ActionIcon>
          )}
        </Group>
      ),
    },
    {
      id: "seeds",
      header: "Seeds",
      numeric: true,
      value: (row) => row.values[overview.metric]?.n,
      cell: (row) => row.values[overview.metric]?.n ?? "–",
    },
    {
      id: "curve",
      header: "Training loss",
      head: "Training loss",
      value: () => undefined,
      cell: (row) => <Sparkline values={row.curve} label={`Training loss of ${row.series}`} />,
    },
    ...overview.columns.map(
      (column): Column<Row> => ({
        id: column.name,
        header: withUnit(column.label, column.unit),
        numeric: true,
        value: (row) => row.values[column.name]?.mean,
        deviation: (row) => row.values[column.name]?.std ?? undefined,
        cell: (row) => {
          const value = row.values[column.name];
          return value ? estimate(value) : "–";
        },
      }),
    ),
  ];
  return <DataTable rows={overview.rows} columns={columns} caption="Methods" minWidth={1180} />;
}
