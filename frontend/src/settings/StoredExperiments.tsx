import {
  Anchor,
  Button,
  Checkbox,
  Group,
  NumberInput,
  Paper,
  Select,
  Skeleton,
  Stack,
  Text,
  Title,
} from "@mantine/core";
import { keepPreviousData } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Problem, type Schemas } from "../api/client";
import { useDeleting } from "../results/deleting/useDeleting";
import { WhatGoes } from "../results/deleting/WhatGoes";
import { ask } from "../ui/asking";
import { breaking } from "../ui/breaking";
import { DataTable } from "../ui/DataTable";
import { ago, bytes, quantity } from "../ui/format";
import { Outdated } from "../ui/Outdated";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";

type Row = Schemas["StoredExperimentOut"];

/** The largest experiments by age, size and owner, to free their adapters or to delete them. */
export function StoredExperiments() {
  const [days, setDays] = useState<number>();
  const [megabytes, setMegabytes] = useState<number>();
  const [owner, setOwner] = useState<number>();
  const [chosen, setChosen] = useState<number[]>([]);
  // Who owns any of it, whatever is asked for.
  const { data: every } = api.useQuery("get", "/api/storage");
  const asked = { older_than: days, larger_than: megabytes && megabytes * 1e6, owner };
  const { data, error, isPlaceholderData } = api.useQuery(
    "get",
    "/api/storage",
    { params: { query: asked } },
    { placeholderData: keepPreviousData },
  );
  const { experiments, adapters, adaptersNow } = useDeleting();
  if ((error as Problem | null)?.status === 403) return null;
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={200} />;
  const rows = data.experiments.filter(({ id }) => chosen.includes(id));
  const ids = rows.map(({ id }) => id);
  const act = (what: "runs" | "adapters") =>
    ask({
      title: what === "runs" ? "Delete experiments" : "Free adapters",
      text: <WhatGoes experiments={ids} what={what} />,
      act: what === "runs" ? "Delete" : "Free the adapters",
      doing: async () => {
        const done = what === "runs" ? await experiments(ids) : await adapters(ids);
        if (done) setChosen([]);
      },
    });
  const freeNow = () =>
    ask({
      title: "Free adapters now",
      text: <WhatGoes experiments={ids} what="adapters" now />,
      act: "Free now",
      doing: async () => {
        if (await adaptersNow(ids)) setChosen([]);
      },
    });
  const owners = new Map(
    (every?.experiments ?? []).flatMap(({ owner, author }) =>
      owner === null ? [] : [[String(owner), author || `person ${owner}`] as const],
    ),
  );
  return (
    <Paper withBorder p="md" role="region" aria-label="Largest experiments">
      <Title order={4} mb="xs">
        Largest experiments
      </Title>
      <Stack gap="xs">
        <Group gap="xs" align="flex-end">
          <NumberInput
            size="xs"
            w={130}
            min={0}
            label="Older than, days"
            value={days ?? ""}
            onChange={(value) => setDays(given(value))}
          />
          <NumberInput
            size="xs"
            w={130}
            min={0}
            label="Larger than, MB"
            value={megabytes ?? ""}
            onChange={(value) => setMegabytes(given(value))}
          />
          {owners.size > 1 && (
            <Select
              size="xs"
              w={160}
              label="Owner"
              clearable
              data={[...owners].map(([value, label]) => ({ value, label }))}
              value={owner === undefined ? null : String(owner)}
              onChange={(value) => setOwner(value === null ? undefined : Number(value))}
            />
          )}
          <Button
            size="xs"
            variant="default"
            disabled={rows.every(({ adapters }) => adapters === 0)}
            onClick={() => act("adapters")}
          >
            Free adapters ({bytes(total(rows, "adapters"))})
          </Button>
          <Button
            size="xs"
            variant="light"
            color="red"
            disabled={rows.every(({ adapters }) => adapters === 0)}
            onClick={freeNow}
          >
            Free now
          </Button>
          <Button
            size="xs"
            variant="light"
            color="red"
            disabled={rows.length === 0}
            onClick={() => act("runs")}
          >
            Delete {rows.length > 0 && quantity(rows.length)}
          </Button>
        </Group>
        <Outdated when={isPlaceholderData} rows>
          <DataTable
            rows={data.experiments}
            columns={columns(data.experiments, ids, setChosen)}
            caption="Experiments with the largest files"
            minWidth={560}
            empty="No experiment with files fits."
            order="fixed"
          />
        </Outdated>
        {data.total > data.experiments.length && (
          <Text size="xs" c="dimmed">
            The largest {data.experiments.length} of {quantity(data.total)}, which take{" "}
            {bytes(data.bytes)}.
          </Text>
        )}
      </Stack>
    </Paper>
  );
}

function given(value: string | number): number | undefined {
  return value === "" ? undefined : Number(value);
}

function total(rows: Row[], name: "adapters" | "bytes"): number {
  return rows.reduce((sum, row) => sum + row[name], 0);
}

function columns(rows: Row[], chosen: number[], choose: (ids: number[]) => void): Column<Row>[] {
  const all = rows.length > 0 && chosen.length === rows.length;
  return [
    {
      id: "chosen",
      header: "",
      head: (
        <Checkbox
          size="xs"
          aria-label="Choose all"
          checked={all}
          indeterminate={!all && chosen.length > 0}
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
    {
      id: "name",
      header: "Experiment",
      value: (row) => row.name,
      cell: (row) => (
        <Anchor
          component={Link}
          to="/experiments/$id"
          params={{ id: row.id } as never}
          size="sm"
          style={breaking(row.name)}
        >
          {row.name}
        </Anchor>
      ),
    },
    { id: "author", header: "By", value: (row) => row.author },
    {
      id: "age",
      header: "Launched",
      moment: true,
      value: (row) => row.created_at,
      cell: (row) => ago(row.created_at),
    },
    { id: "runs", header: "Runs", numeric: true, value: (row) => row.runs },
    {
      id: "adapters",
      header: "Adapters",
      numeric: true,
      value: (row) => row.adapters,
      cell: (row) => bytes(row.adapters),
    },
    {
      id: "bytes",
      header: "All files",
      numeric: true,
      value: (row) => row.bytes,
      cell: (row) => bytes(row.bytes),
    },
  ];
}
