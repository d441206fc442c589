import { Stack, Text } from "@mantine/core";
import { Figure } from "../ui/Figure";
import { MetricChoice } from "./MetricChoice";
import { metricsOf } from "./metrics";
import type { ViewProps } from "./subject";
import { MethodChips, Toolbar } from "./Toolbar";

const FINAL = ["eval_loss", "accuracy", "perplexity", "relative_loss"];

/** The final metric against the learning rate. */
export function LearningRateTab(props: ViewProps) {
  const { subject, search, change } = props;
  const finals = metricsOf(subject.task).filter((name) => FINAL.includes(name));
  const metric = finals.find((name) => name === search.metric) ?? finals[0] ?? "eval_loss";
  return (
    <Stack gap="xs">
      <Toolbar>
        <MetricChoice
          names={finals}
          value={metric}
          onChange={(value) => change({ metric: value })}
        />
      </Toolbar>
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        Methods can be compared only where each has been given its own best learning rate: a best
        rate at the edge of the grid asks for a wider one.
      </Text>
      <Figure
        of={subject.of}
        name="learning-rate"
        label={`Final ${metric.replace("_", " ")} against learning rate`}
        params={{ metric, labels: search.methods }}
        height={440}
      />
    </Stack>
  );
}
