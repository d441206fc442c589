import { Alert, Button, Grid, Group, Skeleton, Text, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconDeviceFloppy, IconRotate } from "@tabler/icons-react";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import {
  api,
  type Catalog,
  client,
  type ExperimentSpec,
  type Problem,
  sentence,
  storedSpec,
  whyNotLaunched,
} from "../api/client";
import { SpecFormProvider } from "../spec/SpecForm";
import { Controls } from "./Controls";
import { Solution } from "./Solution";
import { applied, changed } from "./search";
import { useSolution } from "./useSolution";

const route = getRouteApi("/theory");

/** Teacher–student problems, solved while a slider moves; the URL is the experiment. */
export function TheoryPage() {
  const { preset = "O3", from } = route.useSearch();
  const { data: catalog, error } = api.useQuery("get", "/api/catalog");
  const template = api.useQuery(
    "get",
    "/api/experiments/{experiment_id}",
    { params: { path: { experiment_id: from ?? 0 } } },
    { enabled: from !== undefined },
  );
  useEffect(() => void client.POST("/api/theory/warm"), []);
  const failed = error ?? template.error;
  if (failed) return <Alert color="red">{sentence(failed)}</Alert>;
  const stored = template.data;
  if (stored?.problems.length) return <Alert color="yellow">{whyNotLaunched(stored)}</Alert>;
  const chosen = catalog?.theory.find(({ name }) => name === preset) ?? catalog?.theory[0];
  const start = from === undefined ? chosen?.spec : stored && storedSpec(stored);
  if (!catalog || !start) return <Skeleton height={500} />;
  const active = from === undefined ? chosen?.name : undefined;
  const summary = from === undefined ? chosen?.summary : template.data?.description;
  return <Lab catalog={catalog} start={start} active={active} summary={summary ?? ""} />;
}

interface Props {
  catalog: Catalog;
  start: ExperimentSpec;
  active: string | undefined;
  summary: string;
}

function Lab({ catalog, start, active, summary }: Props) {
  const search = route.useSearch();
  const navigate = useNavigate();
  const changes = search.changes ?? {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: the changes by value, not by identity
  const spec = useMemo(() => applied(start, changes), [start, JSON.stringify(changes)]);
  const [settled] = useDebouncedValue(spec, 60);
  const solved = useSolution(settled);
  const send = api.useMutation("post", "/api/experiments", {
    onSuccess: ({ id }) => void navigate({ to: "/experiments/$id", params: { id } }),
    onError: (error) =>
      notifications.show({ color: "red", title: "Not stored", message: sentence(error) }),
  });
  const set = (path: string, value: unknown) => {
    const next = changed(start, changes, path, value);
    const more = Object.keys(next).length > 0 ? { changes: next } : {};
    const { changes: _, ...rest } = search;
    void navigate({
      to: "/theory",
      search: { ...rest, ...more },
      replace: true,
      resetScroll: false,
    });
  };
  const problems = (solved.error as Problem | undefined)?.errors ?? [];
  return (
    <SpecFormProvider value={{ spec, schema: catalog.spec_schema, problems, set }}>
      <Group justify="space-between" mb="xs">
        <Title order={2}>Theory lab</Title>
        <Group gap="xs">
          <Button
            size="xs"
            variant="default"
            leftSection={<IconRotate size={14} />}
            disabled={Object.keys(changes).length === 0}
            onClick={() => void navigate({ to: "/theory", search: { preset: active } })}
          >
            Reset
          </Button>
          <Button
            size="xs"
            leftSection={<IconDeviceFloppy size={14} />}
            loading={send.isPending}
            onClick={() => send.mutate({ body: spec })}
          >
            Send to history
          </Button>
        </Group>
      </Group>
      <Group gap={6} mb="xs" role="group" aria-label="Presets">
        {catalog.theory.map(({ name, label, summary: help }) => (
          <Button
            key={name}
            size="compact-sm"
            title={help}
            variant={name === active ? "filled" : "default"}
            onClick={() => void navigate({ to: "/theory", search: { preset: name } })}
          >
            {name} {label}
          </Button>
        ))}
      </Group>
      <Text c="dimmed" maw={900} mb="sm">
        {summary}
      </Text>
      <Grid>
        <Grid.Col span={{ base: 12, md: 4 }} order={{ base: 2, md: 1 }}>
          <Controls catalog={catalog} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 8 }} order={{ base: 1, md: 2 }}>
          <Solution solved={solved} />
        </Grid.Col>
      </Grid>
    </SpecFormProvider>
  );
}
