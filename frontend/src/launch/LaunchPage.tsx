import { Alert, Skeleton } from "@mantine/core";
import { getRouteApi, Navigate } from "@tanstack/react-router";
import { api, storedSpec, whyNotLaunched } from "../api/client";
import { Unanswered } from "../ui/Unanswered";
import { LaunchForm } from "./LaunchForm";

const route = getRouteApi("/launch");

/** Set up an experiment beside what it would do, from a preset or an older experiment. */
export function LaunchPage() {
  const search = route.useSearch();
  const { preset = "demo", from, run } = search;
  const catalog = api.useQuery("get", "/api/catalog");
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
  // What was read stays when it cannot be read anew: the form is not taken from under the fingers.
  const unread = [catalog, template, single].find(({ data, error }) => error && !data);
  if (unread) return <Unanswered error={unread.error} />;
  const stored = template.data;
  if (stored?.problems.length) return <Alert color="yellow">{whyNotLaunched(stored)}</Alert>;
  const chosen = catalog.data?.presets.find(({ name }) => name === preset);
  const usual = chosen ?? catalog.data?.presets[0];
  const templated = run !== undefined || from !== undefined;
  const start = !templated
    ? usual?.spec
    : run !== undefined
      ? single.data
      : stored && storedSpec(stored);
  if (!catalog.data || !start || !usual) return <Skeleton height={500} />;
  const synthetic = catalog.data.tasks.find(({ name }) => name === start.task)?.synthetic;
  // Teacher–student problems have a page of their own: this form has no field for them.
  if (templated && synthetic) return <Navigate to="/theory" search={{ from, run }} replace />;
  const key = run !== undefined ? `run ${run}` : from !== undefined ? `from ${from}` : usual.name;
  return (
    <>
      {!templated && !chosen && (
        <Alert color="yellow" mb="sm">
          There is no preset “{preset}” here; this is {usual.label}.
        </Alert>
      )}
      <LaunchForm key={key} catalog={catalog.data} start={start} active={key} search={search} />
    </>
  );
}
