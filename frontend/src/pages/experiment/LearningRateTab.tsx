import { Stack, Text } from "@mantine/core";
import { Figure } from "../../components/Figure";
import { Choice, Toolbar } from "../../components/Toolbar";
import type { TabProps } from "../Experiment";

/** The final metric against the learning rate. */
export function LearningRateTab({ experiment, search, change }: TabProps) {
  const own =
    experiment.task === "sequence-classification"
      ? { value: "accuracy", label: "Accuracy" }
      : { value: "perplexity", label: "Perplexity" };
  const options = [{ value: "eval_loss", label: "Evaluation loss" }, own];
  const metric = options.find(({ value }) => value === search.metric)?.value ?? "eval_loss";
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
