/** What a spec asks for that its form has no field for: nothing is to be launched unseen. */

import type { Catalog, ExperimentSpec } from "../api/client";
import { fieldsOf, sectionsOf } from "./layout";
import { valueAt } from "./path";
import { fieldInfo, type JsonSchema, nodeAt } from "./schema";

export interface Unshown {
  path: string;
  label: string;
  value: unknown;
}

/**
 * The values of a spec without a field among `fields` (paths; those of the schema's form where none
 * are given) that are not the defaults. A field that is hidden for now has a place in the form: it
 * does not matter as the spec stands.
 */
export function unshown(
  spec: ExperimentSpec,
  schema: JsonSchema,
  catalog: Pick<Catalog, "methods">,
  fields = formFields(schema),
): Unshown[] {
  const shown = new Set(fields);
  const values = leaves(spec, "").filter(([path]) => !shown.has(path));
  return values
    .concat(shown.has("methods") ? ofMethods(spec, schema, catalog) : [])
    .filter(([path, value]) => JSON.stringify(value) !== JSON.stringify(usual(schema, path)))
    .map(([path, value]) => ({ path, label: fieldInfo(schema, path).label, value }));
}

/** The value of a path in a spec that says nothing; what the schema does not know has none. */
function usual(schema: JsonSchema, path: string): unknown {
  const [first = "", ...rest] = path.split(".");
  const value = nodeAt(schema, first)?.default;
  return rest.length === 0 ? value : valueAt(value, rest.join("."));
}

/** The paths of all fields that the form of a schema has, also of those hidden for now. */
export function formFields(schema: JsonSchema): string[] {
  return sectionsOf(schema).flatMap((section) => section.fields.map(({ path }) => path));
}

type Leaf = [path: string, value: unknown];

/** Every value of a spec by its path; lists are values. */
function leaves(value: unknown, path: string): Leaf[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  const prefix = path === "" ? "" : `${path}.`;
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, prefix + name));
}

/** What the methods' own fields do not show: all of a method that is not there, new parameters. */
function ofMethods(
  { methods }: ExperimentSpec,
  schema: JsonSchema,
  catalog: Pick<Catalog, "methods">,
): Leaf[] {
  return methods.flatMap((method, index) => {
    const row = catalog.methods.find(({ name }) => name === method.name);
    const shown = new Set([
      ...fieldsOf(schema, "methods.0").map(({ path }) => path.replace("methods.0.", "")),
      ...(row ? fieldsOf(row.params).map(({ path }) => `params.${path}`) : []),
      "name",
    ]);
    return leaves(method, "")
      .filter(([path]) => !shown.has(path))
      .map(([path, value]): Leaf => [`methods.${index}.${path}`, value]);
  });
}
