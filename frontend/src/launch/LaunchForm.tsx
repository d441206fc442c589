import { Button, Grid, Group, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { keepPreviousData } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Catalog, type ExperimentSpec, type Problem, sentence } from "../api/client";
import { withValue } from "../spec/path";
import { SpecFormProvider } from "../spec/SpecForm";
import { LaunchFields } from "./LaunchFields";
import { PlanPanel } from "./PlanPanel";

interface Props {
  catalog: Catalog;
  start: ExperimentSpec;
  active: string;
}

/** The form from where it starts, with its plan beside it. */
export function LaunchForm({ catalog, start, active }: Props) {
  const navigate = useNavigate();
  const [spec, setSpec] = useState(start);
  const [settled] = useDebouncedValue(spec, 250);
  const plan = api.useQuery(
    "post",
    "/api/plan",
    { body: settled },
    {
      retry: false,
      placeholderData: keepPreviousData,
      // The estimate follows once the device has been measured.
      refetchInterval: ({ state }) => (state.data?.cost?.waiting ? 3000 : false),
    },
  );
  const launch = api.useMutation("post", "/api/experiments", {
    onSuccess: ({ id }) => void navigate({ to: "/experiments/$id", params: { id } }),
    onError: (error) =>
      notifications.show({ color: "red", title: "Not launched", message: sentence(error) }),
  });
  const problem = (plan.error ?? launch.error) as unknown as Problem | null;
  const problems = problem?.errors ?? [];
  const set = (path: string, value: unknown) => {
    launch.reset();
    setSpec((old) => withValue(old, path, value));
  };
  return (
    <SpecFormProvider value={{ spec, schema: catalog.spec_schema, problems, set }}>
      <Group justify="space-between" mb="sm">
        <Title order={2}>Launch</Title>
        <Group gap="xs" role="group" aria-label="Presets">
          {catalog.presets.map(({ name, label, summary }) => (
            <Button
              key={name}
              size="xs"
              title={summary}
              variant={name === active ? "filled" : "default"}
              onClick={() => void navigate({ to: "/launch", search: { preset: name } })}
            >
              {label}
            </Button>
          ))}
          <Button
            size="xs"
            variant="default"
            title="Teacher–student problems, solved in seconds"
            component={Link}
            to="/theory"
          >
            Theory lab
          </Button>
        </Group>
      </Group>
      <Grid>
        <Grid.Col span={{ base: 12, md: 8 }}>
          <LaunchFields catalog={catalog} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 4 }}>
          <div style={{ position: "sticky", top: 68 }}>
            <PlanPanel
              plan={plan.isError ? undefined : plan.data}
              problems={problems}
              failure={problem && problems.length === 0 ? sentence(problem) : undefined}
              launching={launch.isPending}
              launch={() => launch.mutate({ body: spec })}
            />
          </div>
        </Grid.Col>
      </Grid>
    </SpecFormProvider>
  );
}
