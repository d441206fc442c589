import { Stack, Text } from "@mantine/core";
import { Figure } from "../../components/Figure";
import { Choice, MethodChips, Toolbar } from "../../components/Toolbar";
import type { ExperimentSearch } from "../../view/search";
import type { TabProps } from "../Experiment";

const COSTS = [
  { value: "train_seconds", label: "Training time" },
  { value: "memory_bytes", label: "Memory" },
  { value: "trained_parameters", label: "Trained parameters" },
];

/** What each method's result cost, at its own best learning rate. */
export function CostTab(props: TabProps) {
  const { experiment, search, change } = props;
  const cost = search.cost ?? "train_seconds";
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Cost"
          value={cost}
          options={COSTS}
          onChange={(value) => change({ cost: value as ExperimentSearch["cost"] })}
        />
      </Toolbar>
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        On the dashed front no other method is as good at a lower cost. Time is that of training
        alone; the gradient that an initialisation needs is not in it.
      </Text>
      <Figure
        experiment={experiment.id}
        name="cost"
        label="Result against cost"
        params={{ cost, labels: search.methods, judge: search.judge }}
        height={460}
      />
    </Stack>
  );
}
