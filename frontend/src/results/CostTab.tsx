import { Stack, Text } from "@mantine/core";
import { Figure } from "../ui/Figure";
import type { ViewSearch } from "./search";
import type { ViewProps } from "./subject";
import { Choice, LogSwitch, MethodChips, Toolbar } from "./Toolbar";

const COSTS = [
  { value: "train_seconds", label: "Training time" },
  { value: "memory_bytes", label: "Memory" },
  { value: "trained_parameters", label: "Trained parameters" },
];

/** What each method's result cost, at its own best learning rate. */
export function CostTab(props: ViewProps) {
  const { subject, search, change } = props;
  const cost = search.cost ?? "train_seconds";
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Cost"
          value={cost}
          options={COSTS}
          onChange={(value) => change({ cost: value as ViewSearch["cost"] })}
        />
        <LogSwitch
          label="Log cost"
          checked={search.logx ?? false}
          onChange={(checked) => change({ logx: checked || undefined })}
        />
      </Toolbar>
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        On the dashed front no other method is as good at a lower cost. Time is that of training
        alone; the gradient that an initialisation needs is not in it.
      </Text>
      <Figure
        of={subject.of}
        name="cost"
        label="Result against cost"
        params={{ cost, log_x: search.logx, labels: search.methods, judge: search.judge }}
        height={460}
      />
    </Stack>
  );
}
