import {
  Alert,
  Anchor,
  Button,
  Group,
  Pagination,
  Skeleton,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconRocket, IconSearch } from "@tabler/icons-react";
import { keepPreviousData } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Experiment, sentence } from "../api/client";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { CountsBar, StatusBadge } from "../components/Status";
import { useDemo } from "../components/useDemo";
import { historyRoute } from "../router";
import { ago } from "../view/format";

const PER_PAGE = 50;

const COLUMNS: Column<Experiment>[] = [
  {
    id: "name",
    header: "Experiment",
    value: (row) => row.name,
    cell: (row) => (
      <Anchor component={Link} to="/experiments/$id" params={{ id: row.id } as never} fw={500}>
        {row.name}
      </Anchor>
    ),
  },
  {
    id: "status",
    header: "Status",
    value: (row) => row.status,
    cell: (row) => <StatusBadge status={row.status} />,
  },
  {
    id: "runs",
    header: "Runs",
    value: (row) => Object.values(row.counts).reduce((sum, count) => sum + count, 0),
    cell: (row) => <CountsBar counts={row.counts} />,
  },
  {
    id: "methods",
    header: "Methods",
    value: (row) => row.methods.join(", "),
    cell: (row) => (
      <Text size="sm" lineClamp={2}>
        {row.methods.join(", ")}
      </Text>
    ),
  },
  { id: "model", header: "Model", value: (row) => row.model },
  {
    id: "created",
    header: "Launched",
    value: (row) => row.created_at,
    cell: (row) => (
      <Text
        size="sm"
        title={new Date(row.created_at).toLocaleString()}
        style={{ whiteSpace: "nowrap" }}
      >
        {ago(row.created_at)}
      </Text>
    ),
  },
];

/** Every experiment of the team, newest first, found by its words. */
export function HistoryPage() {
  const { q, page = 1 } = historyRoute.useSearch();
  const navigate = useNavigate();
  const [text, setText] = useState(q ?? "");
  const search = useDebouncedCallback((words: string) => {
    void navigate({ to: "/history", search: { q: words || undefined }, replace: true });
  }, 250);
  const { data, error } = api.useQuery(
    "get",
    "/api/experiments",
    { params: { query: { q: q ?? "", limit: PER_PAGE, offset: (page - 1) * PER_PAGE } } },
    { placeholderData: keepPreviousData },
  );
  if (error) return <Alert color="red">{sentence(error)}</Alert>;
  if (data && data.total === 0 && !q) return <FirstStart />;
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2}>History</Title>
        <TextInput
          w={{ base: "100%", sm: 340 }}
          aria-label="Search experiments"
          placeholder="Name, method, model or data"
          leftSection={<IconSearch size={16} />}
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
            search(event.currentTarget.value);
          }}
        />
      </Group>
      {data ? (
        <DataTable
          rows={data.experiments}
          columns={COLUMNS}
          caption="Experiments"
          minWidth={860}
          empty={`No experiment has all of the words “${q}”.`}
        />
      ) : (
        <Skeleton height={300} />
      )}
      {data && data.total > PER_PAGE && (
        <Pagination
          total={Math.ceil(data.total / PER_PAGE)}
          value={page}
          onChange={(value) => void navigate({ to: "/history", search: { q, page: value } })}
        />
      )}
    </Stack>
  );
}

function FirstStart() {
  const { launch, launching } = useDemo();
  return (
    <Empty title="Nothing has been run yet">
      <Stack align="center">
        See what five initialisations do to a small language model: ten short runs, a few minutes on
        two CPU cores.
        <Button
          size="md"
          leftSection={<IconRocket size={18} />}
          loading={launching}
          onClick={launch}
        >
          Launch the demo
        </Button>
        <Anchor component={Link} to="/launch" size="sm">
          or set up an experiment of your own
        </Anchor>
      </Stack>
    </Empty>
  );
}
