import { Button, Group, Paper, Select, Skeleton, Text, Title } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { address } from "../api/address";
import { api, client, type Schemas } from "../api/client";
import type { paths } from "../api/schema";
import { DataTable } from "../ui/DataTable";
import { Download } from "../ui/Download";
import { Outdated } from "../ui/Outdated";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";

type Row = Schemas["AuditOut"];
type Action = NonNullable<NonNullable<paths["/api/audit"]["get"]["parameters"]["query"]>["action"]>;

const PER_PAGE = 100;

/** Who did what and from where, the newest first. */
export function Audit() {
  const [person, setPerson] = useState<string | null>(null);
  const [action, setAction] = useState<Action | null>(null);
  const { data: actions } = api.useQuery("get", "/api/audit/actions");
  const { data: people } = api.useQuery("get", "/api/people", {}, { staleTime: 0 });
  const asked = {
    ...(person !== null && { person: Number(person) }),
    ...(action !== null && { action }),
  };
  const { data, error, isPlaceholderData, hasNextPage, isFetchingNextPage, fetchNextPage } =
    useInfiniteQuery({
      queryKey: ["audit", person, action],
      queryFn: async ({ pageParam, signal }) => {
        const { data, error } = await client.GET("/api/audit", {
          params: { query: { limit: PER_PAGE, ...asked, ...(pageParam && { before: pageParam }) } },
          signal,
        });
        if (error) throw error;
        return data;
      },
      initialPageParam: 0,
      getNextPageParam: (rows) => (rows.length === PER_PAGE ? rows.at(-1)?.id : undefined),
      placeholderData: keepPreviousData,
      staleTime: 0,
    });
  const file = new URLSearchParams(Object.entries(asked).map(([key, value]) => [key, `${value}`]));
  return (
    <Paper withBorder p="md" role="region" aria-label="Audit">
      <Group justify="space-between" align="flex-start">
        <div>
          <Title order={4}>Audit</Title>
          <Text size="sm" c="dimmed">
            Rows are added and never changed. No secret and no text of anybody stands in them.
          </Text>
        </div>
        <Download href={address(`/api/audit/file?${file}`)} name="audit.jsonl">
          JSON Lines
        </Download>
      </Group>
      <Group gap="xs" my="sm">
        <Select
          size="xs"
          aria-label="Who"
          placeholder="Everybody"
          clearable
          searchable
          data={(people ?? []).map(({ id, name }) => ({ value: String(id), label: name }))}
          value={person}
          onChange={setPerson}
        />
        <Select
          size="xs"
          aria-label="What was done"
          placeholder="Whatever was done"
          clearable
          searchable
          data={actions ?? []}
          value={action}
          onChange={(chosen) => setAction(chosen as Action | null)}
        />
      </Group>
      {error && !data ? (
        <Unanswered error={error} />
      ) : data ? (
        <Outdated when={isPlaceholderData}>
          <DataTable
            rows={data.pages.flat()}
            columns={COLUMNS}
            caption="Audit trail"
            minWidth={760}
            empty="Nothing of this has happened."
          />
        </Outdated>
      ) : (
        <Skeleton height={300} />
      )}
      {hasNextPage && (
        <Button
          size="xs"
          variant="default"
          mt="xs"
          loading={isFetchingNextPage}
          onClick={() => void fetchNextPage()}
        >
          Earlier
        </Button>
      )}
    </Paper>
  );
}

const COLUMNS: Column<Row>[] = [
  {
    id: "at",
    header: "When",
    moment: true,
    value: (row) => row.at,
    cell: (row) => new Date(row.at).toLocaleString(),
  },
  { id: "name", header: "Who", value: (row) => row.name },
  { id: "action", header: "What", value: (row) => row.action },
  { id: "target", header: "Of what", value: (row) => row.target },
  { id: "detail", header: "How", value: (row) => row.detail },
  { id: "address", header: "From", value: (row) => row.address },
];
