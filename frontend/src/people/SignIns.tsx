import { Badge, Button, Group, Paper, Skeleton, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";
import { DataTable } from "../ui/DataTable";
import { ago } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { browserName } from "./browserName";
import { ME } from "./who";

type SignedIn = Schemas["SignInOut"];

const LISTED = api.queryOptions("get", "/api/me/sign-ins", {}, { staleTime: 0 });

/** The browsers in which one is signed in; any of them can be shut out. */
export function SignIns() {
  const queries = useQueryClient();
  const { data, error } = api.useQuery("get", "/api/me/sign-ins", {}, { staleTime: 0 });
  const refused = (error: unknown) =>
    notifications.show({ color: "red", title: "Not ended", message: sentence(error) });
  const end = api.useMutation("delete", "/api/me/sign-ins/{sign_in_id}", {
    onSettled: () => queries.invalidateQueries({ queryKey: LISTED.queryKey }),
    onError: refused,
  });
  const endAll = api.useMutation("post", "/api/sign-out-everywhere", {
    onSuccess: () => queries.invalidateQueries({ queryKey: ME.queryKey }),
    onError: refused,
  });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={160} />;
  const columns: Column<SignedIn>[] = [
    {
      id: "browser",
      header: "Browser",
      value: (row) => row.browser,
      cell: (row) => (
        <Group gap={6}>
          <Text size="sm" title={row.browser}>
            {browserName(row.browser)}
          </Text>
          {row.here && (
            <Badge size="sm" variant="light" tt="none">
              this one
            </Badge>
          )}
        </Group>
      ),
    },
    { id: "address", header: "From", value: (row) => row.address },
    {
      id: "used",
      header: "Last used",
      moment: true,
      value: (row) => row.used_at,
      cell: (row) => ago(row.used_at),
    },
    {
      id: "since",
      header: "Signed in",
      moment: true,
      value: (row) => row.created_at,
      cell: (row) => ago(row.created_at),
    },
    {
      id: "end",
      header: "",
      value: () => undefined,
      cell: (row) =>
        row.here ? null : (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={`End ${browserName(row.browser)} of ${row.address}`}
            onClick={() => end.mutate({ params: { path: { sign_in_id: row.id } } })}
          >
            End
          </Button>
        ),
    },
  ];
  return (
    <Paper withBorder p="md" role="region" aria-label="Signed in">
      <Group justify="space-between">
        <Title order={4}>Where you are signed in</Title>
        <Button size="xs" variant="default" color="red" onClick={() => endAll.mutate({})}>
          Sign out everywhere
        </Button>
      </Group>
      <DataTable rows={data} columns={columns} caption="Browsers" minWidth={560} />
    </Paper>
  );
}
