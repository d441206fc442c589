import { Stack, Text } from "@mantine/core";
import { api } from "../../api/client";
import { Figure } from "../../components/Figure";
import { Choice, Toolbar } from "../../components/Toolbar";
import type { TabProps } from "../Experiment";
import { metricsOf } from "./CurvesTab";

const FINAL = ["eval_loss", "accuracy", "perplexity", "relative_loss"];

/** The final metric against the learning rate. */
export function LearningRateTab({ experiment, search, change }: TabProps) {
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  const finals = metricsOf(experiment.task).filter((name) => FINAL.includes(name));
  const metric = finals.find((name) => name === search.metric) ?? finals[0] ?? "eval_loss";
  const options = (catalog?.metrics ?? [])
    .filter(({ name }) => finals.includes(name))
    .map(({ name, label }) => ({ value: name, label }));
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Metric"
          value={metric}
          options={options}
          onChange={(value) => change({ metric: value })}
        />
      </Toolbar>
      <Text size="sm" c="dimmed">
        Methods can be compared only where each has been given its own best learning rate: a best
        rate at the edge of the grid asks for a wider one.
      </Text>
      <Figure
        experiment={experiment.id}
        name="learning-rate"
        label={`Final ${metric.replace("_", " ")} against learning rate`}
        params={{ metric }}
        height={440}
      />
    </Stack>
  );
}
