import { Accordion, Badge, Fieldset, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { type ComponentType, useMemo } from "react";
import type { Catalog, FieldProblem } from "../api/client";
import { Field } from "../spec/Field";
import { type FormSection, isShown, sectionsOf } from "../spec/layout";
import { MethodsField } from "../spec/MethodsField";
import { problemsAt } from "../spec/problems";
import { useSpecForm } from "../spec/SpecForm";
import { TrackersField } from "./TrackersField";

interface Props {
  catalog: Catalog;
}

/** Inputs that need more of the catalogue than the schema of their field. */
const WIDGETS: Record<string, ComponentType<Props>> = {
  methods: MethodsField,
  trackers: TrackersField,
};

/**
 * The fields of an experiment as its schema has them: what is asked first, then what rarely
 * changes, folded. A new field of a spec needs nothing here.
 */
export function LaunchFields({ catalog }: Props) {
  const { schema } = useSpecForm();
  const sections = useMemo(() => sectionsOf(schema), [schema]);
  return (
    <Stack>
      {sections
        .filter(({ display }) => display !== "folded")
        .map((section) => (
          <OpenSection key={section.title} section={section} catalog={catalog} />
        ))}
      <Accordion variant="contained" multiple>
        {sections
          .filter(({ display }) => display === "folded")
          .map((section) => (
            <FoldedSection key={section.title} section={section} catalog={catalog} />
          ))}
      </Accordion>
    </Stack>
  );
}

function OpenSection({ section, catalog }: Props & { section: FormSection }) {
  const fields = <Fields section={section} catalog={catalog} />;
  if (section.display === "plain") return fields;
  return <Fieldset legend={section.title}>{fields}</Fieldset>;
}

function FoldedSection({ section, catalog }: Props & { section: FormSection }) {
  const { problems } = useSpecForm();
  const count = countOf(section, problems);
  return (
    <Accordion.Item value={section.title}>
      <Accordion.Control>
        <Group gap="xs">
          {section.title}
          {count > 0 && (
            <Badge color="red" variant="light" radius="sm" tt="none">
              {count} {count === 1 ? "problem" : "problems"}
            </Badge>
          )}
        </Group>
      </Accordion.Control>
      <Accordion.Panel>
        <Fields section={section} catalog={catalog} />
      </Accordion.Panel>
    </Accordion.Item>
  );
}

function countOf({ fields }: FormSection, problems: FieldProblem[]): number {
  return fields.flatMap(({ path }) => problemsAt(problems, path)).length;
}

function Fields({ section, catalog }: Props & { section: FormSection }) {
  const { spec, problems } = useSpecForm();
  const shown = section.fields.filter((field) => isShown(field, spec, problems));
  return (
    <>
      {section.help && (
        <Text size="sm" c="dimmed" mb="xs">
          {section.help}
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, sm: section.columns }}>
        {shown.map(({ path, widget }) => {
          const Special = WIDGETS[widget];
          if (Special) return <Special key={path} catalog={catalog} />;
          return <Field key={path} path={path} widget={widget} />;
        })}
      </SimpleGrid>
    </>
  );
}
