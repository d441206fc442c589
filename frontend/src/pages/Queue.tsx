import {
  ActionIcon,
  Alert,
  Anchor,
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
import { RunProgress } from "../components/Status";
import { useRunAction } from "../components/useRunAction";
import { ago, rate } from "../view/format";

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
      <Title order={4} mt="sm">
        Waiting ({data.queued.length})
      </Title>
      <Waiting runs={data.queued} experiments={data.experiments} />
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

function Waiting({ runs, experiments }: { runs: Run[]; experiments: Names }) {
  const cancel = useRunAction("cancel");
  const top = useRunAction("top");
  const columns: Column<Run>[] = [
    { id: "run", header: "Run", value: describe },
    {
      id: "experiment",
      header: "Experiment",
      value: (run) => experiments[run.experiment_id],
      cell: (run) => <ExperimentLink run={run} experiments={experiments} />,
    },
    {
      id: "queued",
      header: "Queued",
      value: (run) => run.queued_at,
      cell: (run) => <Text size="sm">{ago(run.queued_at)}</Text>,
    },
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
          <ActionIcon
            variant="subtle"
            color="red"
            aria-label={`Cancel run ${run.id}`}
            title="Cancel"
            onClick={() => cancel(run.id)}
          >
            <IconX size={16} />
          </ActionIcon>
        </Group>
      ),
    },
  ];
  return <DataTable rows={runs} columns={columns} caption="Waiting runs" empty="Nothing waits." />;
}
