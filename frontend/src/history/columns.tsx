import { Anchor, Badge, Checkbox, type CheckboxProps, Group, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Experiment } from "../api/client";
import { Author } from "../people/Author";
import { PrivateBadge } from "../results/PrivateBadge";
import { Star } from "../results/Star";
import { breaking } from "../ui/breaking";
import { ago, heading, quantity, rate } from "../ui/format";
import { useOutdated } from "../ui/Outdated";
import { CountsBar, StatusBadge } from "../ui/Status";
import type { Column } from "../ui/table";

/** A box to choose rows by; those of an earlier search, which are about to go, are not chosen. */
function Box(props: CheckboxProps) {
  return <Checkbox size="xs" disabled={useOutdated()} {...props} />;
}

/** The columns of the history: a box to choose by, and what an experiment is. */
export function columns(
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
        <Box
          aria-label="Choose all"
          checked={all}
          indeterminate={chosen.length > 0 && !all}
          onChange={() => choose(all ? [] : rows.map(({ id }) => id))}
        />
      ),
      value: () => undefined,
      cell: ({ id, name }) => (
        <Box
          aria-label={`Choose ${name}`}
          checked={chosen.includes(id)}
          onChange={() =>
            choose(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id])
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
          <Group gap={6} wrap="nowrap">
            <Anchor
              component={Link}
              to="/experiments/$id"
              params={{ id: row.id } as never}
              fw={500}
              style={breaking(row.name)}
            >
              {row.name}
            </Anchor>
            {row.private && <PrivateBadge />}
          </Group>
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
    {
      id: "author",
      header: "By",
      value: (row) => row.author,
      cell: (row) => <Author name={row.author} colour={row.colour} />,
    },
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
  const { label, value, metric, seeds, failed, learning_rate } = best;
  const survived = failed > 0 ? `, ${failed} failed` : "";
  const counted = `${seeds} ${seeds === 1 ? "seed" : "seeds"}${survived}`;
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
