import { SegmentedControl, Stack, Text, Title } from "@mantine/core";
import { Figure } from "../../components/Figure";
import {
  Choice,
  MethodChips,
  RatesSwitch,
  RunChoice,
  shownRun,
  Toolbar,
} from "../../components/Toolbar";
import { layerLabel } from "../../view/format";
import type { ExperimentSearch } from "../../view/search";
import type { TabProps } from "../Experiment";

const MEASURES = [
  { value: "mean_cos2", label: "Mean cos²" },
  { value: "sin_max", label: "sin of the largest angle" },
  { value: "energy", label: "Captured energy" },
];

const HELP: Record<string, string> = {
  mean_cos2:
    "1: the adapter spans the gradient's top-r subspace; the dashed line is what a random subspace has. " +
    "A zero factor has no direction and is not drawn.",
  sin_max: "The paper's distance: 0 aligned, 1 at least one direction is orthogonal.",
  energy: "The share of the best rank-r gradient energy that lies in the adapter's two subspaces.",
};

/** How the adapters' subspaces compare with the gradient's over training. */
export function AlignmentTab(props: TabProps) {
  const { experiment, search, change } = props;
  const measure = search.measure ?? "mean_cos2";
  const run = shownRun(experiment, search);
  const layers = [
    { value: "all", label: "Mean of all layers" },
    ...experiment.layers.map((name, i) => ({ value: String(i), label: layerLabel(name) })),
  ];
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Measure"
          value={measure}
          options={MEASURES}
          onChange={(value) => change({ measure: value as ExperimentSearch["measure"] })}
        />
        <Choice
          label="Layer"
          value={search.layer === undefined ? "all" : String(search.layer)}
          options={layers}
          onChange={(value) => change({ layer: value === "all" ? undefined : Number(value) })}
        />
        <RatesSwitch {...props} />
      </Toolbar>
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        {HELP[measure]}
      </Text>
      <Figure
        experiment={experiment.id}
        name="alignment"
        label="Alignment over training"
        params={{
          measure,
          layer: search.layer,
          rates: search.rates,
          labels: search.methods,
          judge: search.judge,
        }}
        height={500}
      />
      <Title order={4} mt="sm">
        Direction by direction
      </Title>
      <Text size="sm" c="dimmed">
        The LoRA paper's φ(i, j): how much of the gradient's first i directions lies in the first j
        of s·B·A. 1 on the diagonal means the same subspaces in the same order.
      </Text>
      <Toolbar>
        <RunChoice {...props} />
        <SegmentedControl
          size="xs"
          aria-label="Before or after training"
          value={search.at ?? "end"}
          onChange={(value) => change({ at: value === "init" ? "init" : undefined })}
          data={[
            { value: "init", label: "Before training" },
            { value: "end", label: "After training" },
          ]}
        />
      </Toolbar>
      <Figure
        experiment={experiment.id}
        name="overlap"
        label="Overlap of single directions"
        params={{
          runs: run === undefined ? undefined : [run],
          layer: search.layer,
          at: search.at ?? "end",
        }}
        height={400}
      />
    </Stack>
  );
}
