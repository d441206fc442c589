import { SegmentedControl, Slider, Stack, Text, Title } from "@mantine/core";
import { Figure } from "../ui/Figure";
import type { Measure } from "./search";
import { modules, type Shown, shownRun, type ViewProps } from "./subject";
import { Choice, LogSwitch, MethodChips, RatesSwitch, RunChoice, Toolbar } from "./Toolbar";

/** How the adapters' subspaces compare with the gradient's: over training, over layers, in detail. */
export function AlignmentTab(props: ViewProps) {
  const { subject, search, change, catalog } = props;
  const measures = catalog.alignments;
  const chosen = measures.find(({ name }) => name === search.measure) ?? measures[0];
  if (!chosen) return null;
  const measure = chosen.name;
  const shown = { measure, rates: search.rates, labels: search.methods, judge: search.judge };
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Measure"
          value={measure}
          options={measures.map(({ name, short }) => ({ value: name, label: short }))}
          onChange={(value) => change({ measure: value as Measure })}
        />
        <LayerChoice {...props} />
        <RatesSwitch {...props} />
        <LogSwitch
          label="Log step"
          checked={search.logx ?? false}
          onChange={(checked) => change({ logx: checked || undefined })}
        />
      </Toolbar>
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        {chosen.summary}.
      </Text>
      <Figure
        of={subject.of}
        name="alignment"
        label="Alignment over training"
        params={{ ...shown, layer: search.layer, module: search.module, log_x: search.logx }}
        height={500}
      />
      <Title order={4} mt="sm">
        Layer by layer
      </Title>
      <Toolbar>
        <StepSlider {...props} />
        {chosen.sided && (
          <SegmentedControl
            size="xs"
            aria-label="Which side"
            value={search.side ?? "left"}
            onChange={(value) => change({ side: value === "right" ? "right" : undefined })}
            data={[
              { value: "left", label: "Out side (B)" },
              { value: "right", label: "In side (A)" },
            ]}
          />
        )}
      </Toolbar>
      <Figure
        of={subject.of}
        name="alignment-layers"
        label="Alignment of every layer"
        params={{ ...shown, side: search.side, step: search.step }}
        height={400}
      />
      <Directions {...props} />
    </Stack>
  );
}

/** All layers, a class of them, or one. */
function LayerChoice({ subject, search, change }: Shown) {
  const value =
    search.layer !== undefined ? `l${search.layer}` : search.module ? `m${search.module}` : "all";
  return (
    <Choice
      label="Layers"
      searchable
      value={value}
      options={[
        { value: "all", label: "Mean of all layers" },
        {
          group: "Mean of a class",
          items: modules(subject).map((name) => ({ value: `m${name}`, label: `All ${name}` })),
        },
        {
          group: "One layer",
          items: subject.layers.map(({ label }, i) => ({ value: `l${i}`, label })),
        },
      ]}
      onChange={(chosen) =>
        change({
          layer: chosen.startsWith("l") ? Number(chosen.slice(1)) : undefined,
          module: chosen.startsWith("m") ? chosen.slice(1) : undefined,
        })
      }
    />
  );
}

/** One of the steps at which alignment was measured; the last where the URL names none. */
function StepSlider({ subject, search, change }: Shown) {
  const { steps } = subject;
  const last = Math.max(0, steps.length - 1);
  const wanted = search.step ?? steps[last] ?? 0;
  const at = Math.max(
    0,
    steps.findLastIndex((step) => step <= wanted),
  );
  return (
    <div style={{ width: 260 }}>
      <Text size="xs" fw={500} id="step">
        Step {steps[at] ?? 0}
      </Text>
      <Slider
        size="sm"
        min={0}
        max={last}
        mt={6}
        mb={10}
        disabled={steps.length < 2}
        label={(index) => steps[index]}
        thumbProps={{ "aria-labelledby": "step" }}
        value={at}
        onChange={(index) => change({ step: index === last ? undefined : steps[index] })}
      />
    </div>
  );
}

/** φ(i, j) of one run. */
function Directions(props: Shown) {
  const { subject, search, change } = props;
  const run = shownRun(subject, search);
  return (
    <>
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
        of={run === undefined ? subject.of : [`r${run}`]}
        name="overlap"
        label="Overlap of single directions"
        params={{ layer: search.layer, at: search.at ?? "end" }}
        height={400}
      />
    </>
  );
}
