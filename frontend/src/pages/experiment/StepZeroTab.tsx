import { Stack, Text } from "@mantine/core";
import { Figure } from "../../components/Figure";
import { Choice, MethodChips, Toolbar } from "../../components/Toolbar";
import type { ExperimentSearch } from "../../view/search";
import type { TabProps } from "../Experiment";

const COLUMNS = [
  { value: "relative", label: "Size of the init relative to W" },
  { value: "norm", label: "Spectral norm of the init" },
  { value: "svd_error", label: "Error estimate of the SVD" },
  { value: "base_change", label: "Change of the base weight" },
];

/** What each initialisation did before the first step. */
export function StepZeroTab(props: TabProps) {
  const { experiment, search, change } = props;
  const column = search.column ?? "relative";
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Per layer"
          value={column}
          options={COLUMNS}
          width={260}
          onChange={(value) => change({ column: value as ExperimentSearch["column"] })}
        />
      </Toolbar>
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        An initialisation that is a step moves the loss before training begins, and it can move it
        the wrong way: above, from before (open) to after (filled). Held-out texts are training
        texts outside of the gradient batch.
      </Text>
      <Figure
        experiment={experiment.id}
        name="step0"
        label="Losses around the initialisation and its size per layer"
        params={{ column, labels: search.methods, judge: search.judge }}
        height={620}
      />
    </Stack>
  );
}
