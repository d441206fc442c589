import { Anchor, Group, Pagination, Skeleton, Stack, Text, Title } from "@mantine/core";
import { keepPreviousData } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { address } from "../api/address";
import { api, type Problem } from "../api/client";
import { useWhyNot } from "../people/may";
import { DataTable } from "../ui/DataTable";
import { Outdated } from "../ui/Outdated";
import { Unanswered } from "../ui/Unanswered";
import { BulkBar } from "./BulkBar";
import { columns } from "./columns";
import { Facets } from "./Facets";
import { FirstStart } from "./FirstStart";
import { ImportButton } from "./ImportButton";
import { toggled } from "./query";
import { SavedViews } from "./SavedViews";
import { SearchField } from "./SearchField";
import type { Sort } from "./search";

const route = getRouteApi("/history");

const PER_PAGE = 50;

/** Every experiment of the team, searched by words and terms, sorted by the server. */
export function HistoryPage() {
  const { q, page = 1, sort } = route.useSearch();
  const navigate = useNavigate();
  const whyNot = useWhyNot();
  const [chosen, setChosen] = useState<number[]>([]);
  const go = (words: string) => {
    setChosen([]);
    void navigate({ to: "/history", search: { q: words || undefined, sort }, replace: true });
  };
  // Another order has other rows on its first page; what was chosen on the old one is out of sight.
  const order = (by: string | undefined) => {
    setChosen([]);
    void navigate({ to: "/history", search: { q, sort: by as Sort }, replace: true });
  };
  const { data, error, isPlaceholderData } = api.useQuery(
    "get",
    "/api/experiments",
    { params: { query: { q: q ?? "", limit: PER_PAGE, offset: (page - 1) * PER_PAGE, sort } } },
    { placeholderData: keepPreviousData, retry: false },
  );
  const fields = (error as Problem | null)?.errors ?? [];
  if (data && data.total === 0 && !q && !isPlaceholderData) return <FirstStart />;
  // While the server is away what was found stays; of a search that is wrong nothing was found.
  const history = fields.length > 0 ? undefined : data;
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={2}>History</Title>
        <Group gap="xs">
          {(["csv", "parquet"] as const).map((format) => (
            <Anchor
              key={format}
              size="xs"
              href={address(
                `/api/experiments/file?${new URLSearchParams({ q: q ?? "", format, ...(sort && { sort }) })}`,
              )}
              download
            >
              {format === "csv" ? "All found as CSV" : "Parquet"}
            </Anchor>
          ))}
          {whyNot.launch === undefined && <ImportButton />}
          <SavedViews query={q ?? ""} open={go} />
        </Group>
      </Group>
      <SearchField query={q ?? ""} wrong={fields[0]?.message} search={go} />
      {history && (
        <Facets
          facets={history.facets}
          query={q ?? ""}
          toggle={(term) => go(toggled(q ?? "", term))}
        />
      )}
      <BulkBar
        ids={chosen}
        why={
          whyNot.launch ??
          (history?.experiments ?? [])
            .filter(({ id }) => chosen.includes(id))
            .map(({ owner }) => whyNot.change(owner))
            .find(Boolean)
        }
        done={(changed) => setChosen((now) => now.filter((id) => !changed.includes(id)))}
      />
      {history ? (
        <Outdated when={isPlaceholderData} rows>
          <DataTable
            rows={history.experiments}
            columns={columns(history.experiments, chosen, setChosen, (tag) => go(`tag:${tag}`))}
            caption="Experiments"
            minWidth={1080}
            empty={isPlaceholderData ? "Searching …" : `No experiment fits “${q}”.`}
            order={{ by: sort, change: order }}
          />
        </Outdated>
      ) : // The search stays, and what is being typed in it.
      error ? (
        fields.length === 0 && <Unanswered error={error} />
      ) : (
        <Skeleton height={300} />
      )}
      {history && history.total > PER_PAGE && (
        <Group justify="space-between">
          <Pagination
            total={Math.ceil(history.total / PER_PAGE)}
            value={page}
            onChange={(value) =>
              void navigate({ to: "/history", search: { q, sort, page: value } })
            }
          />
          <Text size="sm" c="dimmed">
            {history.total} experiments
          </Text>
        </Group>
      )}
    </Stack>
  );
}
