import { Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Problem, type Schemas, sentence } from "../api/client";
import { changed } from "../api/live";
import { emptied } from "../results/deleting/emptied";
import { useDeleting } from "../results/deleting/useDeleting";
import { sizeOf } from "../results/deleting/WhatGoes";
import { count } from "../results/deleting/words";
import { ask } from "../ui/asking";
import { breaking } from "../ui/breaking";
import { DataTable } from "../ui/DataTable";
import { ago, bytes, quantity } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";

type Binned = Schemas["BinnedOut"];

/** What was deleted: it is restored, or removed for good. */
export function Bin() {
  const queries = useQueryClient();
  const { restore } = useDeleting();
  const { data, error } = api.useQuery("get", "/api/bin");
  const { mutate, isPending } = api.useMutation("delete", "/api/bin", {
    onSuccess: (freed) => {
      void changed(queries, { kind: "experiment", experiment: 0, run: 0 });
      notifications.show(emptied(freed));
    },
    onError: (refused) =>
      notifications.show({ color: "red", title: "Not emptied", message: sentence(refused) }),
  });
  // Whoever deletes nothing has no bin.
  if ((error as Problem | null)?.status === 403) return null;
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return null;
  const remove = (rows: Binned[], all: boolean) =>
    ask({
      title: all ? "Empty the bin" : "Remove for good",
      text: (
        <Text size="sm">
          {all ? `${count(rows.length, "deletion")} in the bin` : whatWas(rows[0] as Binned)},{" "}
          {bytes(rows.reduce((sum, row) => sum + row.size.total, 0))}. Nobody can bring it back.
        </Text>
      ),
      act: all ? "Empty now" : "Remove for good",
      doing: () => mutate({ params: { query: all ? {} : { deletion: rows.map(({ id }) => id) } } }),
    });
  return (
    <Paper withBorder p="md" role="region" aria-label="Bin">
      <Group justify="space-between" align="flex-start">
        <Stack gap={2}>
          <Title order={4}>Bin</Title>
          <Text size="sm" c="dimmed">
            What is deleted can be restored for {quantity(data.days)} days.
          </Text>
        </Stack>
        {data.deletions.length > 0 && (
          <Button
            size="xs"
            color="red"
            variant="light"
            loading={isPending}
            onClick={() => remove(data.deletions, true)}
          >
            Empty now ({bytes(data.size.total)})
          </Button>
        )}
      </Group>
      <DataTable
        rows={data.deletions}
        columns={columns(
          (row) => restore([row.id]),
          (row) => remove([row], false),
        )}
        caption="What is in the bin"
        empty="Nothing is in the bin."
      />
    </Paper>
  );
}

function columns(restore: (row: Binned) => void, remove: (row: Binned) => void): Column<Binned>[] {
  return [
    {
      id: "what",
      header: "What",
      value: whatWas,
      cell: (row) => (
        <>
          <Text size="sm" style={breaking(row.experiment)}>
            {whatWas(row)}
          </Text>
          {row.trouble && (
            <Text size="xs" c="red">
              {row.trouble}
            </Text>
          )}
        </>
      ),
    },
    {
      id: "deleted",
      header: "Deleted",
      value: (row) => row.deleted_at,
      cell: (row) => `${ago(row.deleted_at)} by ${row.deleted_by}`,
    },
    {
      id: "until",
      header: "Until",
      value: (row) => row.until,
      cell: (row) => new Date(row.until).toLocaleDateString(),
    },
    {
      id: "size",
      header: "Size",
      numeric: true,
      value: (row) => row.size.total,
      cell: (row) => <span title={sizeOf(row.size)}>{bytes(row.size.total)}</span>,
    },
    {
      id: "actions",
      header: "",
      value: () => undefined,
      cell: (row) => (
        <Group gap={6} wrap="nowrap" justify="flex-end">
          <Button size="compact-xs" variant="default" onClick={() => restore(row)}>
            Restore
          </Button>
          <Button size="compact-xs" variant="subtle" color="red" onClick={() => remove(row)}>
            Remove
          </Button>
        </Group>
      ),
    },
  ];
}

/** `Demo, with 8 runs`, `2 runs of Demo`. */
function whatWas({ kind, experiment, runs }: Binned): string {
  if (kind === "experiment") return `${experiment}, with ${count(runs, "run")}`;
  return `${count(runs, kind === "runs" ? "run" : "adapter")} of ${experiment}`;
}
