import {
  ActionIcon,
  Alert,
  Anchor,
  Badge,
  Button,
  Checkbox,
  Group,
  Pagination,
  Skeleton,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconRocket, IconSearch, IconStar, IconStarFilled } from "@tabler/icons-react";
import { keepPreviousData } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { api, type Experiment, type Problem, sentence } from "../api/client";
import { DataTable } from "../ui/DataTable";
import { Empty } from "../ui/Empty";
import { ago, heading, quantity, rate } from "../ui/format";
import { CountsBar, StatusBadge } from "../ui/Status";
import type { Column } from "../ui/table";
import { BulkBar } from "./BulkBar";
import { Facets } from "./Facets";
import { ImportButton } from "./ImportButton";
import { toggled } from "./query";
import { SavedViews } from "./SavedViews";
import { useStar } from "./useChange";
import { useDemo } from "./useDemo";

const route = getRouteApi("/history");

const PER_PAGE = 50;

/** Every experiment of the team, newest first, found by words and terms. */
export function HistoryPage() {
  const { q, page = 1 } = route.useSearch();
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<number[]>([]);
  const go = (words: string) => {
    setChosen([]);
    void navigate({ to: "/history", search: { q: words || undefined }, replace: true });
  };
  const { data, error } = api.useQuery(
    "get",
    "/api/experiments",
    { params: { query: { q: q ?? "", limit: PER_PAGE, offset: (page - 1) * PER_PAGE } } },
    { placeholderData: keepPreviousData, retry: false },
  );
  const fields = (error as Problem | null)?.errors ?? [];
  if (error && fields.length === 0) return <Alert color="red">{sentence(error)}</Alert>;
  if (data && data.total === 0 && !q) return <FirstStart />;
  const found = error ? undefined : data;
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={2}>History</Title>
        <Group gap="xs">
          {(["csv", "parquet"] as const).map((format) => (
            <Anchor
              key={format}
              size="xs"
              href={`/api/experiments/file?${new URLSearchParams({ q: q ?? "", format })}`}
              download
            >
              {format === "csv" ? "All found as CSV" : "Parquet"}
            </Anchor>
          ))}
          <ImportButton />
          <SavedViews query={q ?? ""} open={go} />
        </Group>
      </Group>
      <Search query={q ?? ""} wrong={fields[0]?.message} search={go} />
      {found && (
        <Facets
          facets={found.facets}
          query={q ?? ""}
          toggle={(term) => go(toggled(q ?? "", term))}
        />
      )}
      <BulkBar ids={chosen} done={() => setChosen([])} />
      {found ? (
        <DataTable
          rows={found.experiments}
          columns={columns(found.experiments, chosen, setChosen, (tag) => go(`tag:${tag}`))}
          caption="Experiments"
          minWidth={1080}
          empty={`No experiment fits “${q}”.`}
        />
      ) : (
        !error && <Skeleton height={300} />
      )}
      {found && found.total > PER_PAGE && (
        <Group justify="space-between">
          <Pagination
            total={Math.ceil(found.total / PER_PAGE)}
            value={page}
            onChange={(value) => void navigate({ to: "/history", search: { q, page: value } })}
          />
          <Text size="sm" c="dimmed">
            {found.total} experiments
          </Text>
        </Group>
      )}
    </Stack>
  );
}

const HELP =
  "Words, and terms: method:lora-one model:minilm tag:paper by:ana lr>1e-4 rank:8 since:2026-10 " +
  "status:failed is:starred is:archived; a minus in front turns one around";

interface SearchProps {
  query: string;
  wrong: string | undefined;
  search: (words: string) => void;
}

function Search({ query, wrong, search }: SearchProps) {
  const [text, setText] = useState(query);
  const asked = useRef(query);
  const later = useDebouncedCallback((words: string) => {
    asked.current = words;
    search(words);
  }, 400);
  useEffect(() => {
    // A facet, a tag or a saved view changed the search; what is being typed stays.
    if (query !== asked.current) {
      asked.current = query;
      setText(query);
    }
  }, [query]);
  return (
    <TextInput
      aria-label="Search experiments"
      placeholder="method:lora-one lr>1e-4 tag:paper …"
      description={HELP}
      inputWrapperOrder={["input", "description", "error"]}
      leftSection={<IconSearch size={16} />}
      error={wrong}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        later(event.currentTarget.value);
      }}
    />
  );
}

function columns(
  rows: Experiment[],
  chosen: number[],
  choose: (ids: number[]) => void,
  open: (tag: string) => void,
): Column<Experiment>[] {
  const all = rows.length > 0 && rows.every(({ id }) => chosen.includes(id));
  return [
    {
      id: "chosen",
      header: "",
      head: (
        <Checkbox
          size="xs"
          aria-label="Choose all"
          checked={all}
          indeterminate={chosen.length > 0 && !all}
          onChange={() => choose(all ? [] : rows.map(({ id }) => id))}
        />
      ),
      value: () => undefined,
      cell: ({ id, name }) => (
        <Checkbox
          size="xs"
          aria-label={`Choose ${name}`}
          checked={chosen.includes(id)}
          onChange={() =>
            choose(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id])
          }
        />
      ),
    },
    { id: "star", header: "", value: () => undefined, cell: (row) => <Star experiment={row} /> },
    {
      id: "name",
      header: "Experiment",
      value: (row) => row.name,
      cell: (row) => (
        <Stack gap={2}>
          <Anchor component={Link} to="/experiments/$id" params={{ id: row.id } as never} fw={500}>
            {row.name}
          </Anchor>
          {row.tags.length > 0 && (
            <Group gap={4}>
              {row.tags.map((tag) => (
                <Badge
                  key={tag}
                  component="button"
                  size="sm"
                  variant="default"
                  tt="none"
                  style={{ cursor: "pointer" }}
                  onClick={() => open(tag)}
                >
                  {tag}
                </Badge>
              ))}
            </Group>
          )}
        </Stack>
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
    {
      id: "best",
      header: "Ahead",
      numeric: true,
      value: (row) => row.best?.value,
      cell: (row) => <Ahead best={row.best} />,
    },
    { id: "model", header: "Model", value: (row) => row.model },
    { id: "author", header: "By", value: (row) => row.author },
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
}

/** What is ahead in an experiment; with how many seeds says how far to believe it. */
function Ahead({ best }: { best: Experiment["best"] }) {
  if (!best) return "–";
  const { label, value, metric, seeds, learning_rate } = best;
  const counted = `${seeds} ${seeds === 1 ? "seed" : "seeds"}`;
  return (
    <div
      style={{ minWidth: 140 }}
      title={`${heading(metric)} at learning rate ${rate(learning_rate)}, ${counted}`}
    >
      <Text size="sm">{quantity(value)}</Text>
      <Text size="xs" c="dimmed" style={{ whiteSpace: "normal" }}>
        {label}, {counted}
      </Text>
    </div>
  );
}

/** Stars an experiment, or takes the star away. */
export function Star({ experiment }: { experiment: Experiment }) {
  const star = useStar(experiment);
  return (
    <ActionIcon
      variant="subtle"
      color={experiment.starred ? "yellow" : "gray"}
      aria-pressed={experiment.starred}
      aria-label={`Star ${experiment.name}`}
      onClick={star}
    >
      {experiment.starred ? <IconStarFilled size={16} /> : <IconStar size={16} />}
    </ActionIcon>
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
        <Anchor component={Link} to="/history" search={{ q: "is:archived" } as never} size="sm">
          or look at what was archived
        </Anchor>
        <ImportButton />
      </Stack>
    </Empty>
  );
}
