import { Stack, Text } from "@mantine/core";
import { Figure } from "../ui/Figure";
import type { Cost } from "./search";
import type { ViewProps } from "./subject";
import { Choice, LogSwitch, MethodChips, optionsOf, Toolbar } from "./Toolbar";

/** What each method's result cost, at its own best learning rate. */
export function CostTab(props: ViewProps) {
  const { subject, search, change, catalog } = props;
  const cost = search.cost ?? catalog.costs[0]?.name ?? "";
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Cost"
          value={cost}
          options={optionsOf(catalog.costs)}
          onChange={(value) => change({ cost: value as Cost })}
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
