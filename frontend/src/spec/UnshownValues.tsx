import { Alert, Code, List } from "@mantine/core";
import type { Catalog } from "../api/client";
import { useSpecForm } from "./SpecForm";
import { asText } from "./schema";
import { unshown } from "./unshown";

interface Props {
  catalog: Catalog;
  /** The paths that the form has fields for, where it is not that of the schema. */
  fields?: string[];
}

/** What would run besides what the form's fields show; nothing where they show all of it. */
export function UnshownValues({ catalog, fields }: Props) {
  const { spec, schema } = useSpecForm();
  const values = unshown(spec, schema, catalog, fields);
  if (values.length === 0) return null;
  return (
    <Alert color="yellow" title="Also asked for, without a field here">
      <List size="sm" style={{ overflowWrap: "anywhere" }}>
        {values.map(({ path, label, value }) => (
          <List.Item key={path}>
            {label === path ? "" : `${label}, `}
            <Code>{path}</Code>: {shown(value)}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : asText(value);
}
