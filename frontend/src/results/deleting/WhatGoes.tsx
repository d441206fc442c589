import { Alert, Skeleton, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "../../api/client";
import { bytes } from "../../ui/format";
import { Unanswered } from "../../ui/Unanswered";
import { count } from "./words";

interface Props {
  experiments: number[];
  what?: "runs" | "adapters";
  /** Past the bin. */
  now?: boolean;
}

/** What would be deleted, and what that would free when the bin is emptied. */
export function WhatGoes({ experiments, what = "runs", now = false }: Props) {
  const { data, error } = api.useQuery(
    "get",
    "/api/bin/selected",
    { params: { query: { experiment: experiments, what } } },
    { staleTime: 0 },
  );
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={60} />;
  return (
    <Stack gap="xs">
      <Text size="sm">
        {count(data.runs, what === "runs" ? "run" : "adapter")}, {bytes(data.size.total)}
        {what === "adapters" && "; all numbers stay"}.
      </Text>
      {data.queued > 0 && (
        <Text size="sm">{count(data.queued, "waiting run")} will be cancelled.</Text>
      )}
      {data.running.length > 0 && (
        <Alert color="yellow">
          {count(data.running.length, "run")} still going: nothing is deleted until that is
          cancelled.
        </Alert>
      )}
      <Text size="sm" c="dimmed">
        {now
          ? "This goes past the bin: nobody can bring it back. What is in the bin already stays there."
          : "It stays in the bin, under Settings, until then it can be restored."}
      </Text>
    </Stack>
  );
}

/** How a size is made up, in one line. */
export function sizeOf({ rows, files, logs }: Schemas["SizeOut"]): string {
  const parts: [number, string][] = [
    [files, "files"],
    [rows, "rows"],
    [logs, "logs"],
  ];
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, name]) => `${bytes(amount)} ${name}`)
    .join(", ");
}
