import { Accordion, Fieldset, SimpleGrid, Stack, Text, Textarea } from "@mantine/core";
import type { Catalog } from "../api/client";
import {
  ChoiceField,
  NumberField,
  NumbersField,
  SwitchField,
  TargetsField,
  TextField,
} from "../spec/fields";
import { MethodsField } from "../spec/MethodsField";
import { useSpecForm } from "../spec/SpecForm";

/** The fields of an experiment: what is asked first, then what rarely changes, folded. */
export function LaunchFields({ catalog }: { catalog: Catalog }) {
  // Teacher–student problems have a page of their own: they need neither model nor data.
  const tasks = catalog.tasks
    .filter(({ synthetic }) => !synthetic)
    .map(({ name, label }) => ({ value: name, label }));
  return (
    <Stack>
      <TextField path="name" />
      <Description />
      <Fieldset legend="Model and data">
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextField path="model.id" />
          <TextField path="data.source" />
          <ChoiceField path="task" choices={tasks} />
          <TargetsField />
        </SimpleGrid>
      </Fieldset>
      <Fieldset legend="Methods">
        <MethodsField catalog={catalog} />
      </Fieldset>
      <Fieldset legend="Grid">
        <Text size="sm" c="dimmed" mb="xs">
          Every method runs with every combination. Without several learning rates and seeds no
          winner can be named.
        </Text>
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <NumbersField path="grid.ranks" />
          <NumbersField path="grid.learning_rates" />
          <NumbersField path="grid.seeds" />
        </SimpleGrid>
      </Fieldset>
      <Accordion variant="contained" multiple>
        {SECTIONS.map(({ title, fields }) => (
          <Accordion.Item key={title} value={title}>
            <Accordion.Control>{title}</Accordion.Control>
            <Accordion.Panel>
              <SimpleGrid cols={{ base: 1, sm: 2 }}>{fields.map(renderField)}</SimpleGrid>
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Stack>
  );
}

function Description() {
  const { spec, set } = useSpecForm();
  return (
    <Textarea
      label="Description"
      description="What the experiment asks"
      autosize
      minRows={2}
      value={spec.description}
      onChange={(event) => set("description", event.currentTarget.value)}
    />
  );
}

type Kind = "number" | "text" | "choice" | "switch";

function renderField([path, kind]: readonly [string, Kind]) {
  const Field = { number: NumberField, text: TextField, choice: ChoiceField, switch: SwitchField }[
    kind
  ];
  return <Field key={path} path={path} />;
}

const SECTIONS: { title: string; fields: (readonly [string, Kind])[] }[] = [
  {
    title: "Training",
    fields: [
      ["training.optimizer", "choice"],
      ["training.steps", "number"],
      ["training.batch_size", "number"],
      ["training.warmup_steps", "number"],
      ["training.schedule", "choice"],
      ["training.weight_decay", "number"],
      ["training.max_grad_norm", "number"],
      ["training.eval_every", "number"],
      ["training.loraplus_ratio", "number"],
      ["training.riemannian_damping", "number"],
    ],
  },
  {
    title: "Adapter",
    fields: [
      ["adapter.alpha", "number"],
      ["adapter.rslora", "switch"],
      ["adapter.dora", "switch"],
      ["adapter.dropout", "number"],
      ["model.dtype", "choice"],
    ],
  },
  {
    title: "Gradient",
    fields: [
      ["gradient.samples", "number"],
      ["gradient.micro_batch", "number"],
      ["gradient.strategy", "choice"],
      ["gradient.checkpointing", "switch"],
      ["gradient.head_warmup_steps", "number"],
      ["gradient.head_learning_rate", "number"],
      ["gradient.dropout", "switch"],
    ],
  },
  {
    title: "Data",
    fields: [
      ["data.text_column", "text"],
      ["data.label_column", "text"],
      ["data.max_length", "number"],
      ["data.train_samples", "number"],
      ["data.eval_samples", "number"],
      ["data.split_seed", "number"],
    ],
  },
  {
    title: "Measurements",
    fields: [
      ["measure.alignment_every", "number"],
      ["measure.held_out_samples", "number"],
      ["measure.save_adapter", "switch"],
      ["measure.split_half_agreement", "switch"],
      ["measure.hessian", "switch"],
      ["measure.hessian_samples", "number"],
      ["measure.intruders", "switch"],
      ["measure.intruder_top", "number"],
      ["measure.intruder_epsilon", "number"],
    ],
  },
];
