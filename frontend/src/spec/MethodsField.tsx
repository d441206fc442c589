import {
  ActionIcon,
  Anchor,
  Button,
  Group,
  Menu,
  Paper,
  SimpleGrid,
  Stack,
  Text,
} from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import type { Catalog } from "../api/client";
import { Field } from "./Field";
import { fieldsOf } from "./layout";
import { problemAt } from "./problems";
import { useSpecForm } from "./SpecForm";
import { fieldInfo } from "./schema";

type Method = Catalog["methods"][number];

/** The colour of a method that is not installed here. */
const UNKNOWN = "var(--mantine-color-gray-5)";

/** The chosen methods, each with its parameters and, if wanted, learning rates of its own. */
export function MethodsField({
  catalog,
  synthetic = false,
}: {
  catalog: Catalog;
  synthetic?: boolean;
}) {
  const { spec, schema, problems, set } = useSpecForm();
  const rows = new Map(catalog.methods.map((row) => [row.name, row]));
  const offered = catalog.methods.filter((row) => row.synthetic || !synthetic);
  const own = problems.filter((problem) => problem.path === "methods");
  return (
    <Stack gap="sm">
      {spec.methods.map((method, index) => {
        const row = rows.get(method.name);
        const colour = row?.colour ?? UNKNOWN;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a method may be chosen twice, the place is what tells them apart
          <Paper key={index} withBorder p="sm" style={{ borderLeft: `4px solid ${colour}` }}>
            <Group justify="space-between" wrap="nowrap" align="flex-start">
              <div>
                <Text fw={600}>{row?.label ?? method.name}</Text>
                <Text size="sm" c="dimmed">
                  {row?.summary}{" "}
                  {row?.paper && (
                    <Anchor href={row.paper.url} target="_blank" rel="noreferrer" size="sm">
                      paper
                    </Anchor>
                  )}
                </Text>
              </div>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={`Remove ${row?.label ?? method.name}`}
                onClick={() =>
                  set(
                    "methods",
                    spec.methods.filter((_, i) => i !== index),
                  )
                }
              >
                <IconX size={16} />
              </ActionIcon>
            </Group>
            <SimpleGrid cols={{ base: 1, sm: 3 }} mt="xs">
              {row &&
                fieldsOf(row.params).map(({ path, widget }) => (
                  <Field
                    key={path}
                    path={`methods.${index}.params.${path}`}
                    info={fieldInfo(row.params, path)}
                    widget={widget}
                  />
                ))}
              {fieldsOf(schema, `methods.${index}`).map(({ path, widget }) => (
                <Field key={path} path={path} widget={widget} />
              ))}
            </SimpleGrid>
            {problemAt(problems, `methods.${index}.name`) && (
              <Text c="red" size="sm" mt={4}>
                {problemAt(problems, `methods.${index}.name`)}
              </Text>
            )}
          </Paper>
        );
      })}
      {own.map(({ message }) => (
        <Text key={message} c="red" size="sm">
          {message}
        </Text>
      ))}
      <Menu position="bottom-start">
        <Menu.Target>
          <Button
            variant="light"
            leftSection={<IconPlus size={16} />}
            style={{ alignSelf: "start" }}
          >
            Add a method
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah="60vh" style={{ overflowY: "auto" }}>
          {offered.map((row) => (
            <Menu.Item
              key={row.name}
              onClick={() => set("methods", [...spec.methods, fresh(row)])}
              maw={420}
            >
              <Text size="sm" fw={600}>
                {row.label}
              </Text>
              <Text size="xs" c="dimmed">
                {row.summary}
              </Text>
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Stack>
  );
}

/** The method as it is chosen first: every parameter at its default. */
function fresh(row: Method) {
  const params = Object.fromEntries(
    fieldsOf(row.params).map(({ path }) => [path, fieldInfo(row.params, path).default]),
  );
  return { name: row.name, params, learning_rates: null, optimizer: null };
}
