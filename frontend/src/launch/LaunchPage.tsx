import { Alert, Skeleton } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { api, sentence, storedSpec, whyNotLaunched } from "../api/client";
import { LaunchForm } from "./LaunchForm";

const route = getRouteApi("/launch");

/** Set up an experiment beside what it would do, from a preset or an older experiment. */
export function LaunchPage() {
  const { preset = "demo", from, run } = route.useSearch();
  const catalog = api.useQuery("get", "/api/catalog");
  const template = api.useQuery(
    "get",
    "/api/experiments/{experiment_id}",
    { params: { path: { experiment_id: from ?? 0 } } },
    { enabled: from !== undefined },
  );
  const single = api.useQuery(
    "get",
    "/api/runs/{run_id}/template",
    { params: { path: { run_id: run ?? 0 } } },
    { enabled: run !== undefined },
  );
  const error = catalog.error ?? template.error ?? single.error;
  if (error) return <Alert color="red">{sentence(error)}</Alert>;
  const stored = template.data;
  if (stored?.problems.length) return <Alert color="yellow">{whyNotLaunched(stored)}</Alert>;
  const chosen = catalog.data?.presets.find(({ name }) => name === preset);
  const usual = (chosen ?? catalog.data?.presets[0])?.spec;
  const start =
    run !== undefined ? single.data : from !== undefined ? stored && storedSpec(stored) : usual;
  if (!catalog.data || !start) return <Skeleton height={500} />;
  const key = run !== undefined ? `run ${run}` : from !== undefined ? `from ${from}` : preset;
  return <LaunchForm key={key} catalog={catalog.data} start={start} active={key} />;
}
