import {
  Accordion,
  Fieldset,
  Select,
  SimpleGrid,
  Skeleton,
  Slider,
  Stack,
  Text,
} from "@mantine/core";
import { api, type Catalog, sentence } from "../api/client";
import { Field } from "../spec/Field";
import { ChoiceField, NumbersField } from "../spec/fields";
import { isShown } from "../spec/layout";
import { MethodsField } from "../spec/MethodsField";
import { PlanDetails } from "../spec/PlanDetails";
import { useSpecForm } from "../spec/SpecForm";
import { UnshownValues } from "../spec/UnshownValues";
import { fieldsRead, fieldsShown } from "./labFields";
import { seeds } from "./search";
import { Labelled, LogSlider, Steps } from "./sliders";

/** The problem as sliders, and everything else as fields. */
export function Controls({ catalog }: { catalog: Catalog }) {
  const { spec, schema } = useSpecForm();
  const layers = spec.problem?.activation === "two-layer";
  return (
    <Stack gap="sm">
      <UnshownValues catalog={catalog} fields={fieldsShown(spec, schema, catalog)} />
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
          <Accordion.Control>All fields</Accordion.Control>
          <Accordion.Panel>
            <AllFields />
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

/** The fields that a teacher–student problem reads, as their classes declare them. */
function AllFields() {
  const { spec, schema, problems } = useSpecForm();
  const fields = fieldsRead(schema).filter((field) => isShown(field, spec, problems));
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {fields.map(({ path, widget }) => (
        <Field key={path} path={path} widget={widget} />
      ))}
    </SimpleGrid>
  );
}

/** The same experiment as runs, YAML and Python. */
function Recipe() {
  const { spec } = useSpecForm();
  const { data, error } = api.useQuery("post", "/api/plan", { body: spec }, { retry: false });
  if (error) return <Text size="sm">{sentence(error)}</Text>;
  return data ? <PlanDetails plan={data} /> : <Skeleton height={120} />;
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
