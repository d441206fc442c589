import { Anchor, Button, Paper, Skeleton, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { basePath } from "../api/address";
import { api, type Schemas, sentence } from "../api/client";
import { useWhyNot } from "../people/may";
import { breaking } from "../ui/breaking";
import { DataTable } from "../ui/DataTable";
import { ago } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";

type Share = Schemas["ShareOut"];

const LISTED = api.queryOptions("get", "/api/shares", {}, {});

/** The links by which guests look at what is one's own; for administrators everybody's. */
export function ShareLinks() {
  const queries = useQueryClient();
  const { administer } = useWhyNot();
  const { data, error } = api.useQuery("get", "/api/shares", {}, { staleTime: 0 });
  const end = api.useMutation("delete", "/api/shares/{share_id}", {
    onSettled: () => queries.invalidateQueries({ queryKey: LISTED.queryKey }),
    onError: (error) =>
      notifications.show({ color: "red", title: "Not ended", message: sentence(error) }),
  });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={200} />;
  const columns: Column<Share>[] = [
    {
      id: "view",
      header: "Shows",
      value: (row) => row.view,
      cell: (row) => (
        <Anchor
          size="sm"
          href={basePath().replace(/\/$/, "") + row.view}
          style={breaking(row.view)}
        >
          {shown(row)}
        </Anchor>
      ),
    },
    ...(administer === undefined
      ? [{ id: "author", header: "Made by", value: (row: Share) => row.author }]
      : []),
    {
      id: "made",
      header: "Made",
      moment: true,
      value: (row) => row.created_at,
      cell: (row) => ago(row.created_at),
    },
    {
      id: "ends",
      header: "Ends",
      value: (row) => row.revoked_at ?? row.expires_at,
      cell: (row) => ends(row),
    },
    {
      id: "end",
      header: "",
      value: () => undefined,
      cell: (row) =>
        isOver(row) ? null : (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={`End the link to ${shown(row)}`}
            onClick={() => end.mutate({ params: { path: { share_id: row.id } } })}
          >
            End
          </Button>
        ),
    },
  ];
  return (
    <Paper withBorder p="md" role="region" aria-label="Share links">
      <Title order={4}>Share links</Title>
      <Text size="sm" c="dimmed" mb="xs">
        Whoever has one looks at what it shows, without an account. They are made with Share on an
        experiment or a comparison.
      </Text>
      <DataTable rows={data} columns={columns} caption="Links" empty="There is none." />
    </Paper>
  );
}

function shown({ view, experiments }: Share): string {
  const tab = new URLSearchParams(view.split("?")[1]).get("tab");
  const named = experiments.map((id) => `#${id}`).join(", ");
  return `${view.startsWith("/compare") ? "Comparison of " : "Experiment "}${named}, ${
    tab ?? "all results"
  }`;
}

function isOver({ revoked_at, expires_at }: Share): boolean {
  return revoked_at !== null || new Date(expires_at) < new Date();
}

function ends({ revoked_at, expires_at }: Share): string {
  if (revoked_at !== null) return `ended ${ago(revoked_at)}`;
  const time = new Date(expires_at);
  return time < new Date() ? `ran out ${ago(expires_at)}` : time.toLocaleString();
}
