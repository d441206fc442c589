import { Accordion, Fieldset, Select, SimpleGrid, Slider, Stack, Text } from "@mantine/core";
import { api, type Catalog } from "../api/client";
import { ChoiceField, NumberField, NumbersField } from "../spec/fields";
import { MethodsField } from "../spec/MethodsField";
import { PlanDetails } from "../spec/PlanDetails";
import { valueAt } from "../spec/path";
import { problemAt } from "../spec/problems";
import { useSpecForm } from "../spec/SpecForm";
import { fieldInfo } from "../spec/schema";
import { seeds } from "./search";

/** The problem as sliders, and everything else as fields. */
export function Controls({ catalog }: { catalog: Catalog }) {
  const { spec } = useSpecForm();
  const layers = spec.problem?.activation === "two-layer";
  return (
    <Stack gap="sm">
      <Fieldset legend="Problem">
        <Stack gap="xs">
          <SimpleGrid cols={2}>
            <ChoiceField path="problem.activation" />
            <ChoiceField path="problem.spectrum" />
          </SimpleGrid>
          <LogSlider path="problem.condition" least={0} most={4} />
          <Steps path="problem.true_rank" least={1} most={16} />
          <Steps path="grid.ranks" name="Rank r" least={1} most={16} list />
          <Steps path="problem.inputs" least={8} most={128} step={8} />
          <Steps path="problem.outputs" least={8} most={128} step={8} />
          {layers && <Steps path="problem.hidden" least={8} most={128} step={8} />}
          <LogSlider path="problem.samples" least={1.5} most={4} whole />
          <Steps path="problem.noise" least={0} most={1} step={0.05} />
        </Stack>
      </Fieldset>
      <Fieldset legend="Students">
        <Stack gap="xs">
          <LogSlider path="grid.learning_rates" name="Learning rate η" least={-3} most={0.5} list />
          <LogSlider path="problem.init_std" least={-6} most={0} />
          <LogSlider path="training.steps" least={1} most={3.5} whole />
          <Seeds />
        </Stack>
      </Fieldset>
      <Sweep />
      <Accordion variant="contained" multiple>
        <Accordion.Item value="methods">
          <Accordion.Control>Methods</Accordion.Control>
          <Accordion.Panel>
            <MethodsField catalog={catalog} synthetic />
          </Accordion.Panel>
        </Accordion.Item>
        <Accordion.Item value="more">
          <Accordion.Control>All numbers</Accordion.Control>
          <Accordion.Panel>
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <ChoiceField path="training.optimizer" />
              <NumberField path="training.riemannian_damping" />
              <NumbersField path="grid.ranks" />
              <NumbersField path="grid.learning_rates" />
              <NumberField path="problem.condition" />
              <NumberField path="problem.init_std" />
              <NumberField path="problem.samples" />
              <NumberField path="problem.scaling" />
              <NumberField path="training.steps" />
              <NumberField path="training.max_grad_norm" />
            </SimpleGrid>
          </Accordion.Panel>
        </Accordion.Item>
        <Accordion.Item value="recipe">
          <Accordion.Control>Recipe</Accordion.Control>
          <Accordion.Panel>
            <Recipe />
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Stack>
  );
}

/** The same experiment as runs, YAML and Python. */
function Recipe() {
  const { spec } = useSpecForm();
  const { data } = api.useQuery("post", "/api/plan", { body: spec }, { retry: false });
  return data ? (
    <PlanDetails plan={data} />
  ) : (
    <Text size="sm">The fields do not fit together.</Text>
  );
}

interface SliderProps {
  path: string;
  least: number;
  most: number;
  step?: number;
  /** The field is a list; the slider stands for its only value, under a name of its own. */
  list?: boolean;
  name?: string;
  whole?: boolean;
}

function useSlider(path: string, list: boolean | undefined, name: string | undefined) {
  const { spec, schema, problems, set } = useSpecForm();
  const given = valueAt(spec, path);
  const values = Array.isArray(given) ? given : [given];
  return {
    value: typeof values[0] === "number" ? values[0] : undefined,
    several: values.length > 1 || path === `problem.${spec.sweep?.parameter}`,
    label: name ?? fieldInfo(schema, path).label,
    error: problemAt(problems, path),
    set: (value: number) => set(path, list ? [value] : value),
  };
}

/** A slider that counts. */
function Steps({ path, name, least, most, step = 1, list }: SliderProps) {
  const { value, several, label, error, set } = useSlider(path, list, name);
  return (
    <Labelled label={label} shown={several ? "several" : String(value ?? "–")} error={error}>
      <Slider
        thumbLabel={label}
        size="sm"
        label={null}
        min={least}
        max={Math.max(most, value ?? 0)}
        step={step}
        value={value ?? least}
        onChange={(chosen) => set(Number(chosen.toFixed(6)))}
      />
    </Labelled>
  );
}

/** A slider over decades, from 10^least to 10^most, in steps that people would name. */
function LogSlider({ path, name, least, most, list, whole }: SliderProps) {
  const { value, several, label, error, set } = useSlider(path, list, name);
  const at = value === undefined ? least : Math.log10(value);
  return (
    <Labelled label={label} shown={several ? "several" : shownOf(value)} error={error}>
      <Slider
        thumbLabel={label}
        size="sm"
        label={null}
        min={Math.min(least, at)}
        max={Math.max(most, at)}
        step={0.05}
        value={at}
        onChange={(chosen) => {
          const exact = 10 ** chosen;
          set(whole ? Math.round(exact) : Number(exact.toPrecision(2)));
        }}
      />
    </Labelled>
  );
}

function shownOf(value: number | undefined): string {
  if (value === undefined) return "Kaiming";
  return value < 1e-3 ? value.toExponential(1) : String(value);
}

interface LabelledProps {
  label: string;
  shown: string;
  error: string | undefined;
  children: React.ReactNode;
}

function Labelled({ label, shown, error, children }: LabelledProps) {
  return (
    <div>
      <Text size="sm" mb={2}>
        {label}:{" "}
        <Text span fw={600} size="sm">
          {shown}
        </Text>
      </Text>
      {children}
      {error && (
        <Text size="xs" c="red">
          {error}
        </Text>
      )}
    </div>
  );
}

function Seeds() {
  const { spec, set } = useSpecForm();
  const count = spec.grid?.seeds?.length ?? 1;
  return (
    <Labelled label="Seeds" shown={String(count)} error={undefined}>
      <Slider
        thumbLabel="Seeds"
        size="sm"
        label={null}
        min={1}
        max={Math.max(20, count)}
        value={count}
        onChange={(chosen) => set("grid.seeds", seeds(chosen))}
      />
    </Labelled>
  );
}

const SWEEPS: Record<string, { label: string; values: number[] }> = {
  condition: { label: "Condition κ", values: [1, 3, 10, 30, 100] },
  init_std: { label: "Deviation of vanilla's A", values: [1e-5, 1e-4, 1e-3, 1e-2] },
  samples: { label: "Samples N", values: [128, 256, 512, 1024, 2048] },
  noise: { label: "Noise", values: [0, 0.1, 0.2, 0.4] },
  true_rank: { label: "True rank r*", values: [1, 2, 4, 8] },
  scaling: { label: "Scaling s", values: [0.5, 1, 2] },
};

/** One number varied over several values; ranks and learning rates vary in their own fields. */
function Sweep() {
  const { spec, set } = useSpecForm();
  return (
    <Fieldset legend="Sweep">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <Select
          label="Vary"
          value={spec.sweep?.parameter ?? ""}
          data={[
            { value: "", label: "nothing" },
            ...Object.entries(SWEEPS).map(([value, { label }]) => ({ value, label })),
          ]}
          allowDeselect={false}
          onChange={(chosen) => {
            const values = SWEEPS[chosen ?? ""]?.values;
            set("sweep", values ? { parameter: chosen, values } : null);
          }}
        />
        {spec.sweep && <NumbersField path="sweep.values" />}
      </SimpleGrid>
    </Fieldset>
  );
}
