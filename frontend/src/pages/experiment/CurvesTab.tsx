import { Slider, Stack, Switch, Text } from "@mantine/core";
import { api } from "../../api/client";
import { Figure } from "../../components/Figure";
import { Choice, MethodChips, RatesSwitch, Toolbar } from "../../components/Toolbar";
import type { TabProps } from "../Experiment";

const X_AXES = [
  { value: "step", label: "Step" },
  { value: "tokens", label: "Tokens" },
  { value: "seconds", label: "Seconds" },
];

/** Losses and evaluations against step, tokens or seconds. */
export function CurvesTab(props: TabProps) {
  const { experiment, search, change } = props;
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  const unused = experiment.task === "sequence-classification" ? "perplexity" : "accuracy";
  const metrics = (catalog?.metrics ?? [])
    .filter(({ name }) => name !== unused)
    .map(({ name, label }) => ({ value: name, label }));
  const metric = search.metric ?? "eval_loss";
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Metric"
          value={metric}
          options={metrics}
          onChange={(value) => change({ metric: value })}
        />
        <Choice
          label="Against"
          width={120}
          value={search.x ?? "step"}
          options={X_AXES}
          onChange={(value) => change({ x: value as "step" })}
        />
        <div style={{ width: 140 }}>
          <Text size="xs" fw={500} id="smoothing">
            Smoothing
          </Text>
          <Slider
            size="sm"
            min={0}
            max={0.95}
            step={0.05}
            mb={10}
            mt={6}
            thumbProps={{ "aria-labelledby": "smoothing" }}
            value={search.smooth ?? 0}
            onChange={(value) => change({ smooth: value === 0 ? undefined : value })}
          />
        </div>
        <Switch
          label="Log scale"
          size="xs"
          mb={6}
          checked={search.log ?? false}
          onChange={(event) => change({ log: event.currentTarget.checked || undefined })}
        />
        <RatesSwitch {...props} />
      </Toolbar>
      <MethodChips {...props} />
      <Figure
        experiment={experiment.id}
        name="curves"
        label={`Curves of ${metric.replace("_", " ")}`}
        params={{
          metric,
          x: search.x,
          log_y: search.log,
          smoothing: search.smooth,
          rates: search.rates,
          labels: search.methods,
          judge: search.judge,
        }}
        height={460}
      />
    </Stack>
  );
}
