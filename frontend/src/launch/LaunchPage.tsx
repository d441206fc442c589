import {
  Accordion,
  Alert,
  Button,
  Fieldset,
  Grid,
  Group,
  SimpleGrid,
  Skeleton,
  Stack,
  Text,
  Textarea,
  Title,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { keepPreviousData } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Catalog, type ExperimentSpec, type Problem, sentence } from "../api/client";
import {
  ChoiceField,
  NumberField,
  NumbersField,
  SwitchField,
  TargetsField,
  TextField,
} from "../spec/fields";
import { MethodsField } from "../spec/MethodsField";
import { withValue } from "../spec/path";
import { SpecFormProvider, useSpecForm } from "../spec/SpecForm";
import { PlanPanel } from "./PlanPanel";

const route = getRouteApi("/launch");

/** Set up an experiment beside what it would do, from a preset or an older one. */
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
  const chosen = catalog.data?.presets.find(({ name }) => name === preset);
  const usual = (chosen ?? catalog.data?.presets[0])?.spec;
  const start = run !== undefined ? single.data : from !== undefined ? template.data?.spec : usual;
  if (!catalog.data || !start) return <Skeleton height={500} />;
  const key = run !== undefined ? `run ${run}` : from !== undefined ? `from ${from}` : preset;
  return <LaunchForm key={key} catalog={catalog.data} start={start} active={key} />;
}

interface Props {
  catalog: Catalog;
  start: ExperimentSpec;
  active: string;
}

function LaunchForm({ catalog, start, active }: Props) {
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
          <Fields catalog={catalog} />
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

function Description() {
  const { spec, set } = useSpecForm();
  return (
    <Textarea
      label="Description"
      description="What the experiment asks"
      autosize
      minRows={2}
      value={spec.description}
      onChange={(event) => set("description", event.currentTarget.value)}
    />
  );
}

function Fields({ catalog }: { catalog: Catalog }) {
  // Teacher–student problems have a page of their own: they need neither model nor data.
  const tasks = catalog.tasks
    .filter(({ synthetic }) => !synthetic)
    .map(({ name, label }) => ({ value: name, label }));
  return (
    <Stack>
      <TextField path="name" />
      <Description />
      <Fieldset legend="Model and data">
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextField path="model.id" />
          <TextField path="data.source" />
          <ChoiceField path="task" choices={tasks} />
          <TargetsField />
        </SimpleGrid>
      </Fieldset>
      <Fieldset legend="Methods">
        <MethodsField catalog={catalog} />
      </Fieldset>
      <Fieldset legend="Grid">
        <Text size="sm" c="dimmed" mb="xs">
          Every method runs with every combination. Without several learning rates and seeds no
          winner can be named.
        </Text>
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <NumbersField path="grid.ranks" />
          <NumbersField path="grid.learning_rates" />
          <NumbersField path="grid.seeds" />
        </SimpleGrid>
      </Fieldset>
      <Accordion variant="contained" multiple>
        {SECTIONS.map(({ title, fields }) => (
          <Accordion.Item key={title} value={title}>
            <Accordion.Control>{title}</Accordion.Control>
            <Accordion.Panel>
              <SimpleGrid cols={{ base: 1, sm: 2 }}>{fields.map(renderField)}</SimpleGrid>
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Stack>
  );
}

type Kind = "number" | "text" | "choice" | "switch";

function renderField([path, kind]: readonly [string, Kind]) {
  const Field = { number: NumberField, text: TextField, choice: ChoiceField, switch: SwitchField }[
    kind
  ];
  return <Field key={path} path={path} />;
}

const SECTIONS: { title: string; fields: (readonly [string, Kind])[] }[] = [
  {
    title: "Training",
    fields: [
      ["training.optimizer", "choice"],
      ["training.steps", "number"],
      ["training.batch_size", "number"],
      ["training.warmup_steps", "number"],
      ["training.schedule", "choice"],
      ["training.weight_decay", "number"],
      ["training.max_grad_norm", "number"],
      ["training.eval_every", "number"],
      ["training.loraplus_ratio", "number"],
      ["training.riemannian_damping", "number"],
    ],
  },
  {
    title: "Adapter",
    fields: [
      ["adapter.alpha", "number"],
      ["adapter.rslora", "switch"],
      ["adapter.dora", "switch"],
      ["adapter.dropout", "number"],
      ["model.dtype", "choice"],
    ],
  },
  {
    title: "Gradient",
    fields: [
      ["gradient.samples", "number"],
      ["gradient.micro_batch", "number"],
      ["gradient.way", "choice"],
      ["gradient.checkpointing", "switch"],
      ["gradient.head_warmup_steps", "number"],
      ["gradient.head_learning_rate", "number"],
      ["gradient.dropout", "switch"],
    ],
  },
  {
    title: "Data",
    fields: [
      ["data.text_column", "text"],
      ["data.label_column", "text"],
      ["data.max_length", "number"],
      ["data.train_samples", "number"],
      ["data.eval_samples", "number"],
      ["data.split_seed", "number"],
    ],
  },
  {
    title: "Measurements",
    fields: [
      ["measure.alignment_every", "number"],
      ["measure.held_out_samples", "number"],
      ["measure.save_adapter", "switch"],
      ["measure.gradient_trust", "switch"],
      ["measure.hessian", "switch"],
      ["measure.hessian_samples", "number"],
      ["measure.intruders", "switch"],
      ["measure.intruder_top", "number"],
      ["measure.intruder_epsilon", "number"],
    ],
  },
];
