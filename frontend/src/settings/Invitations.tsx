import { Button, Paper, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { api, type Schemas, sentence } from "../api/client";
import { DataTable } from "../ui/DataTable";
import { ago } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { usePeopleChanged } from "./roles";

type Invitation = Schemas["InvitationOut"];

const KINDS: Record<Invitation["kind"], string> = {
  setup: "First administrator",
  invite: "Account",
  reset: "New password",
};

/** The links that nobody has used yet; what they are is not known any more. */
export function Invitations() {
  const changed = usePeopleChanged();
  const { data, error } = api.useQuery("get", "/api/invitations", {}, { staleTime: 0 });
  const withdraw = api.useMutation("delete", "/api/invitations/{invitation_id}", {
    onSettled: changed,
    onError: (error) =>
      notifications.show({ color: "red", title: "Not withdrawn", message: sentence(error) }),
  });
  if (error && !data) return <Unanswered error={error} />;
  if (!data || data.length === 0) return null;
  const columns: Column<Invitation>[] = [
    { id: "kind", header: "For", value: (row) => KINDS[row.kind] },
    { id: "name", header: "Of", value: (row) => row.name ?? "whoever has it" },
    { id: "role", header: "As", value: (row) => row.role ?? undefined },
    {
      id: "made",
      header: "Made",
      moment: true,
      value: (row) => row.created_at,
      cell: (row) => ago(row.created_at),
    },
    {
      id: "ends",
      header: "Until",
      value: (row) => row.expires_at,
      cell: (row) => new Date(row.expires_at).toLocaleString(),
    },
    {
      id: "withdraw",
      header: "",
      value: () => undefined,
      cell: (row) => (
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => withdraw.mutate({ params: { path: { invitation_id: row.id } } })}
        >
          Withdraw
        </Button>
      ),
    },
  ];
  return (
    <Paper withBorder p="md" role="region" aria-label="Links not used yet">
      <Title order={4}>Links not used yet</Title>
      <Text size="sm" c="dimmed">
        Each works once.
      </Text>
      <DataTable rows={data} columns={columns} caption="Invitations" minWidth={560} />
    </Paper>
  );
}
