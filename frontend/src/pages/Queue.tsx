import {
  ActionIcon,
  Alert,
  Anchor,
  Button,
  Group,
  Paper,
  SimpleGrid,
  Skeleton,
  Stack,
  Text,
  Title,
  Tooltip,
} from "@mantine/core";
import { IconArrowBarToUp, IconX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { api, type Run, type Schemas, sentence } from "../api/client";
import { type Column, DataTable } from "../components/DataTable";
import { CancelRun, RunActions, RunStatus } from "../components/RunList";
import { RunProgress } from "../components/Status";
import { useCancelAll } from "../components/useCancelAll";
import { useRunAction } from "../components/useRunAction";
import { ago, bytes, rate, roughly } from "../view/format";

/** What runs where, and what waits in order. */
export function QueuePage() {
  const { data, error } = api.useQuery("get", "/api/queue", {}, { refetchInterval: 30_000 });
  if (error) return <Alert color="red">{sentence(error)}</Alert>;
  if (!data) return <Skeleton height={300} />;
  return (
    <Stack>
      <Title order={2}>Queue</Title>
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {data.lanes.map((lane) => (
          <LaneCard key={lane.name} lane={lane} experiments={data.experiments} />
        ))}
      </SimpleGrid>
      <Group justify="space-between" mt="sm">
        <Title order={4}>Waiting ({data.queued.length})</Title>
        {data.seconds_left !== null && data.seconds_left > 0 && (
          <Text size="sm" c="dimmed">
            All done in about {roughly(data.seconds_left)}
          </Text>
        )}
      </Group>
      <CancelExperiments runs={data.queued} experiments={data.experiments} />
      <Waiting runs={data.queued} experiments={data.experiments} />
      {data.failed.length > 0 && (
        <>
          <Title order={4} mt="sm">
            Failed last
          </Title>
          <Failed runs={data.failed} experiments={data.experiments} />
        </>
      )}
    </Stack>
  );
}

type Names = Schemas["QueueOut"]["experiments"];

function LaneCard({ lane, experiments }: { lane: Schemas["LaneOut"]; experiments: Names }) {
  const cancel = useRunAction("cancel");
  const { run } = lane;
  return (
    <Paper withBorder p="sm" role="group" aria-label={`Lane ${lane.name}`}>
      <Group justify="space-between" wrap="nowrap">
        <Text fw={600}>{lane.name}</Text>
        {run && (
          <Tooltip label="Cancel this run">
            <ActionIcon
              variant="subtle"
              color="red"
              aria-label={`Cancel run ${run.id}`}
              onClick={() => cancel(run.id)}
            >
              <IconX size={16} />
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
      {run ? (
        <Stack gap={4}>
          <Text size="sm">{describe(run)}</Text>
          <ExperimentLink run={run} experiments={experiments} />
          <RunProgress run={run} />
          <Text size="xs" c="dimmed">
            {[
              lane.seconds_left !== null && `about ${roughly(lane.seconds_left)} left`,
              lane.memory_bytes !== null && `${bytes(lane.memory_bytes)} of memory`,
              lane.temperature !== null && `${Math.round(lane.temperature)} °C`,
            ]
              .filter(Boolean)
              .join(" · ")}
          </Text>
        </Stack>
      ) : (
        <Text c="dimmed" size="sm">
          Free
        </Text>
      )}
    </Paper>
  );
}

function describe(run: Run): string {
  const rank = run.rank === null ? "" : `, r ${run.rank}`;
  return `${run.label}${rank}, lr ${rate(run.learning_rate)}, seed ${run.seed}`;
}

function ExperimentLink({ run, experiments }: { run: Run; experiments: Names }) {
  return (
    <Anchor
      size="sm"
      component={Link}
      to="/experiments/$id"
      params={{ id: run.experiment_id } as never}
    >
      {experiments[run.experiment_id] ?? `Experiment ${run.experiment_id}`}
    </Anchor>
  );
}

/** The columns that say which run a row is about. */
function whichRun(experiments: Names): Column<Run>[] {
  return [
    { id: "run", header: "Run", value: describe },
    {
      id: "experiment",
      header: "Experiment",
      value: (run) => experiments[run.experiment_id],
      cell: (run) => <ExperimentLink run={run} experiments={experiments} />,
    },
  ];
}

/** One button for each experiment that waits with several runs. */
function CancelExperiments({ runs, experiments }: { runs: Run[]; experiments: Names }) {
  const { cancelAll } = useCancelAll();
  const ids = [...new Set(runs.map((run) => run.experiment_id))];
  return (
    <Group gap="xs">
      {ids.map((id) => {
        const count = runs.filter((run) => run.experiment_id === id).length;
        return (
          count > 1 && (
            <Button
              key={id}
              size="compact-xs"
              variant="default"
              leftSection={<IconX size={12} />}
              onClick={() => cancelAll([`e${id}`])}
            >
              Cancel all {count} of {experiments[id] ?? `experiment ${id}`}
            </Button>
          )
        );
      })}
    </Group>
  );
}

/** What happened to runs that failed, what to do, and a way to run them again. */
function Failed({ runs, experiments }: { runs: Run[]; experiments: Names }) {
  const columns: Column<Run>[] = [
    ...whichRun(experiments),
    {
      id: "why",
      header: "What happened, and what to do",
      value: (run) => run.error?.message,
      cell: (run) => <RunStatus run={run} />,
    },
    {
      id: "when",
      header: "When",
      value: (run) => run.finished_at ?? undefined,
      cell: (run) => <Text size="sm">{run.finished_at ? ago(run.finished_at) : "–"}</Text>,
    },
    { id: "actions", header: "", value: () => undefined, cell: (run) => <RunActions run={run} /> },
  ];
  return <DataTable rows={runs} columns={columns} caption="Failed runs" minWidth={860} />;
}

function Waiting({ runs, experiments }: { runs: Run[]; experiments: Names }) {
  const top = useRunAction("top");
  const columns: Column<Run>[] = [
    ...whichRun(experiments),
    {
      id: "queued",
      header: "Queued",
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
          <ActionIcon
            variant="subtle"
            aria-label={`Move run ${run.id} to the top`}
            title="Move to the top"
            onClick={() => top(run.id)}
          >
            <IconArrowBarToUp size={16} />
          </ActionIcon>
          <CancelRun run={run} />
        </Group>
      ),
    },
  ];
  return <DataTable rows={runs} columns={columns} caption="Waiting runs" empty="Nothing waits." />;
}
