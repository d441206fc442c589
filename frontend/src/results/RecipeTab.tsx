import { Alert, Code, Skeleton, Stack, Table, Text, Title } from "@mantine/core";
import { api, type ExperimentSpec, sentence } from "../api/client";
import { PlanDetails } from "../spec/PlanDetails";
import { nothingYet, shownRun, type ViewProps } from "./subject";
import { RunChoice, Toolbar } from "./Toolbar";

/** What is needed to run it again: the spec in four forms, and where it ran. */
export function RecipeTab({ spec, ...props }: ViewProps & { spec: ExperimentSpec }) {
  const plan = api.useQuery("post", "/api/plan", { body: spec }, { retry: false });
  const run = shownRun(props.subject, props.search);
  return (
    <Stack>
      {plan.error && <Alert color="yellow">{sentence(plan.error)}</Alert>}
      {plan.data ? <PlanDetails plan={plan.data} /> : !plan.error && <Skeleton height={200} />}
      <Title order={4}>Where it ran</Title>
      {run === undefined ? (
        <Text c="dimmed">{nothingYet(props.subject)}</Text>
      ) : (
        <>
          <Toolbar>
            <RunChoice {...props} />
          </Toolbar>
          <Environment run={run} />
        </>
      )}
    </Stack>
  );
}

const NAMES: Record<string, string> = {
  loraone: "LoRA-One Lab",
  git_commit: "Commit",
  python: "Python",
  platform: "Platform",
  device: "Device",
  threads: "Threads",
  model: "Model",
  model_revision: "Model revision",
  data_fingerprint: "Data fingerprint",
  labels: "Labels",
  train_texts: "Training texts",
  eval_texts: "Evaluation texts",
  gradient_key: "Gradient key",
};

function Environment({ run }: { run: number }) {
  const { data } = api.useQuery("get", "/api/runs/{run_id}", {
    params: { path: { run_id: run } },
  });
  if (!data) return <Skeleton height={200} />;
  const environment = (data.environment ?? {}) as Record<string, unknown>;
  const packages = (environment.packages ?? {}) as Record<string, string | null>;
  const rows: [string, string][] = [
    ...Object.entries(NAMES)
      .filter(([key]) => environment[key] !== undefined && environment[key] !== null)
      .map(([key, name]): [string, string] => [name, shown(environment[key])]),
    ...Object.entries(packages).map(([name, version]): [string, string] => [name, version ?? "–"]),
  ];
  return (
    <Table aria-label="Environment" verticalSpacing={4}>
      <Table.Tbody>
        {rows.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Td w={180}>{name}</Table.Td>
            <Table.Td>
              <Code style={{ overflowWrap: "anywhere", whiteSpace: "normal" }}>{value}</Code>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function shown(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : String(value);
}
