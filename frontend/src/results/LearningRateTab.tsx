import { Stack, Text } from "@mantine/core";
import { Figure } from "../ui/Figure";
import { judgesOf } from "./catalog";
import { MetricChoice } from "./MetricChoice";
import type { ViewProps } from "./subject";
import { MethodChips, Toolbar } from "./Toolbar";

/** The final metric against the learning rate. */
export function LearningRateTab(props: ViewProps) {
  const { subject, search, change, catalog } = props;
  const finals = judgesOf(catalog, subject.tasks);
  const metric = (finals.find(({ name }) => name === search.metric) ?? finals[0])?.name ?? "";
  return (
    <Stack gap="xs">
      <Toolbar>
        <MetricChoice
          metrics={finals}
          value={metric}
          onChange={(value) => change({ metric: value })}
        />
      </Toolbar>
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        Methods can be compared only where each has been given its own best learning rate: a best
        rate at the edge of the grid asks for a wider one. An open point stands for the runs that
        survived where others failed.
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
