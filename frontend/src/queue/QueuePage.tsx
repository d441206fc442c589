import { ActionIcon, Alert, Group, SimpleGrid, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconArrowBarToUp } from "@tabler/icons-react";
import { api, type Run, type Schemas } from "../api/client";
import { OwnersProvider, useWhyNotRunsOf } from "../people/may";
import { CancelRun, RunActions } from "../results/runs/RunActions";
import { RunStatus } from "../results/runs/RunStatus";
import { runTitle } from "../results/runs/runTitle";
import { useRunAction } from "../results/runs/useRunAction";
import { DataTable } from "../ui/DataTable";
import { ago, roughly } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { ExperimentLink } from "./ExperimentLink";
import { type ExperimentNames, nameOf } from "./experimentNames";
import { LaneCard } from "./LaneCard";
import { WaitingExperiments } from "./WaitingExperiments";

/** What runs where, and what waits in order. */
export function QueuePage() {
  const { data, error } = api.useQuery("get", "/api/queue", {}, { refetchInterval: 30_000 });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={300} />;
  return (
    <OwnersProvider value={data.owners}>
      <Stack>
        <Title order={2}>Queue</Title>
        {data.notices.map((notice) => (
          <Alert key={notice} color="orange" role="status">
            {notice}
          </Alert>
        ))}
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
          {data.lanes.map((lane) => (
            <LaneCard key={lane.name} lane={lane} names={data.experiments} />
          ))}
        </SimpleGrid>
        {data.lanes.length === 0 && (
          <Alert color="orange" role="status">
            There is no lane yet: no device is known to the server that runs the queue.
          </Alert>
        )}
        <Group justify="space-between" mt="sm">
          <Group gap="xs" align="baseline">
            <Title order={4}>Waiting ({data.waiting})</Title>
            {data.waiting_hidden > 0 && (
              <Text c="dimmed" size="sm">
                and {data.waiting_hidden} private to others
              </Text>
            )}
          </Group>
          {data.seconds_left !== null && data.seconds_left > 0 && (
            <Text size="sm" c="dimmed">
              All done in about {roughly(data.seconds_left)}
            </Text>
          )}
        </Group>
        <WaitingExperiments waiting={data.waiting_by_experiment} names={data.experiments} />
        <OutOfHours queue={data} />
        <Waiting
          runs={data.queued}
          names={data.experiments}
          whole={data.queued.length === data.waiting}
        />
        {data.waiting > data.queued.length && (
          <Text size="sm" c="dimmed">
            The first {data.queued.length} are shown.
          </Text>
        )}
        {data.failed.length > 0 && (
          <>
            <Title order={4} mt="sm">
              Failed last
            </Title>
            <Failed runs={data.failed} names={data.experiments} />
          </>
        )}
      </Stack>
    </OwnersProvider>
  );
}

/** The columns that say which run a row is about. */
function whichRun(names: ExperimentNames): Column<Run>[] {
  return [
    { id: "run", header: "Run", value: runTitle },
    {
      id: "experiment",
      header: "Experiment",
      value: (run) => names[run.experiment_id],
      cell: (run) => <ExperimentLink run={run} names={names} />,
    },
  ];
}

/** What happened to runs that failed, what to do, and a way to run them again. */
function Failed({ runs, names }: { runs: Run[]; names: ExperimentNames }) {
  const columns: Column<Run>[] = [
    ...whichRun(names),
    {
      id: "why",
      header: "What happened, and what to do",
      value: (run) => run.error?.message,
      cell: (run) => <RunStatus run={run} />,
    },
    {
      id: "when",
      header: "When",
      moment: true,
      value: (run) => run.finished_at ?? undefined,
      cell: (run) => <Text size="sm">{run.finished_at ? ago(run.finished_at) : "–"}</Text>,
    },
    { id: "actions", header: "", value: () => undefined, cell: (run) => <RunActions run={run} /> },
  ];
  return <DataTable rows={runs} columns={columns} caption="Failed runs" minWidth={860} />;
}

interface WaitingProps {
  runs: Run[];
  names: ExperimentNames;
  /** Whether these are all that wait: the first of them sorted are not the first of all. */
  whole: boolean;
}

function Waiting({ runs, names, whole }: WaitingProps) {
  const columns: Column<Run>[] = [
    ...whichRun(names),
    {
      id: "queued",
      header: "Queued",
      moment: true,
      value: (run) => run.queued_at,
      cell: (run) => <Text size="sm">{ago(run.queued_at)}</Text>,
    },
    { id: "priority", header: "Priority", numeric: true, value: (run) => run.priority },
    {
      id: "reason",
      header: "Note",
      value: (run) => run.reason ?? undefined,
      cell: (run) => (
        <Text size="sm" c="dimmed">
          {run.reason}
        </Text>
      ),
    },
    {
      id: "actions",
      header: "",
      value: () => undefined,
      cell: (run) => (
        <Group gap={4} wrap="nowrap" justify="flex-end">
          <ToTop run={run} />
          <CancelRun run={run} />
        </Group>
      ),
    },
  ];
  return (
    <DataTable
      rows={runs}
      columns={columns}
      caption="Waiting runs"
      empty="Nothing waits."
      order={whole ? undefined : "fixed"}
    />
  );
}

function ToTop({ run }: { run: Run }) {
  const top = useRunAction("top");
  const why = useWhyNotRunsOf(run.experiment_id);
  if (why !== undefined) return null;
  return (
    <ActionIcon
      variant="subtle"
      aria-label={`Move run ${run.id} to the top`}
      title="Move to the top"
      onClick={() => top(run.id)}
    >
      <IconArrowBarToUp size={16} />
    </ActionIcon>
  );
}

/** What waits although lanes may be free: whose it is has had the hours that they may have. */
function OutOfHours({ queue }: { queue: Schemas["QueueOut"] }) {
  const held = queue.waiting_by_experiment.filter(({ experiment }) =>
    queue.out_of_hours.includes(queue.owners[experiment] ?? -1),
  );
  if (held.length === 0) return null;
  const names = held.map(({ experiment }) => nameOf(experiment, queue.experiments));
  return (
    <Text size="sm" c="dimmed" role="status" style={{ overflowWrap: "anywhere" }}>
      Out of lane hours this week: {names.join(", ")}. These runs begin when hours of the last seven
      days are over.
    </Text>
  );
}
