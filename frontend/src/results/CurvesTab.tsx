import { Slider, Stack, Text } from "@mantine/core";
import { Figure } from "../ui/Figure";
import { curvesOf } from "./catalog";
import { MetricChoice } from "./MetricChoice";
import type { ViewProps } from "./subject";
import { Choice, LogSwitch, MethodChips, RatesSwitch, Toolbar } from "./Toolbar";

const X_AXES = [
  { value: "step", label: "Step" },
  { value: "tokens", label: "Tokens" },
  { value: "seconds", label: "Seconds" },
];

/** Losses and evaluations against step, tokens or seconds. */
export function CurvesTab(props: ViewProps) {
  const { subject, search, change, catalog } = props;
  const metrics = curvesOf(catalog, subject.tasks);
  const metric = search.metric ?? metrics[0]?.name ?? "";
  const row = catalog.metrics.find(({ name }) => name === metric);
  const log = search.log ?? row?.axis === "log";
  return (
    <Stack gap="xs">
      <Toolbar>
        <MetricChoice
          metrics={metrics}
          value={metric}
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
        <LogSwitch
          label="Log value"
          checked={log}
          onChange={(checked) => change({ log: checked })}
        />
        <LogSwitch
          label={`Log ${search.x ?? "step"}`}
          checked={search.logx ?? false}
          onChange={(checked) => change({ logx: checked || undefined })}
        />
        <RatesSwitch {...props} />
      </Toolbar>
      <MethodChips {...props} />
      <Figure
        of={subject.of}
        name="curves"
        label={`Curves of ${metric.replace("_", " ")}`}
        params={{
          metric,
          x: search.x,
          log_x: search.logx,
          log_y: log,
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
