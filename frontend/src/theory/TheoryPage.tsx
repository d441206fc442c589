import { Alert, Skeleton } from "@mantine/core";
import { getRouteApi, Navigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { api, client, storedSpec, whyNotLaunched } from "../api/client";
import { Unanswered } from "../ui/Unanswered";
import { Lab } from "./Lab";

const route = getRouteApi("/theory");

/** Teacher–student problems, solved while a slider moves; the URL is the experiment. */
export function TheoryPage() {
  const search = route.useSearch();
  const { preset = "O3", from, run } = search;
  const { data: catalog, error } = api.useQuery("get", "/api/catalog");
  const template = api.useQuery(
    "get",
    "/api/experiments/{experiment_id}",
    { params: { path: { experiment_id: from ?? 0 } } },
    { enabled: from !== undefined && run === undefined },
  );
  const single = api.useQuery(
    "get",
    "/api/runs/{run_id}/template",
    { params: { path: { run_id: run ?? 0 } } },
    { enabled: run !== undefined },
  );
  useEffect(() => void client.POST("/api/theory/warm"), []);
  const failed =
    (!catalog && error) || (!template.data && template.error) || (!single.data && single.error);
  if (failed) return <Unanswered error={failed} />;
  const stored = template.data;
  if (stored?.problems.length) return <Alert color="yellow">{whyNotLaunched(stored)}</Alert>;
  const chosen = catalog?.theory.find(({ name }) => name === preset);
  const usual = chosen ?? catalog?.theory[0];
  const templated = run !== undefined || from !== undefined;
  const start = !templated
    ? usual?.spec
    : run !== undefined
      ? single.data
      : stored && storedSpec(stored);
  if (!catalog || !start || !usual) return <Skeleton height={500} />;
  const synthetic = catalog.tasks.find(({ name }) => name === start.task)?.synthetic;
  // The lab solves teacher–student problems alone.
  if (templated && !synthetic) return <Navigate to="/launch" search={{ from, run }} replace />;
  const of = run !== undefined ? `run ${run}` : from !== undefined ? `from ${from}` : usual.name;
  return (
    <>
      {!templated && !chosen && (
        <Alert color="yellow" mb="sm">
          There is no preset “{preset}” here; this is {usual.name} {usual.label}.
        </Alert>
      )}
      <Lab
        of={of}
        catalog={catalog}
        start={start}
        active={templated ? undefined : usual.name}
        summary={templated ? start.description : usual.summary}
        search={search}
      />
    </>
  );
}
