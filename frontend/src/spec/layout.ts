/** Which fields a form has, in which sections and in which order, and which of them are shown. */

import type { FieldProblem } from "../api/client";
import { valuesAt } from "./path";
import { problemAt } from "./problems";
import {
  type Condition,
  type JsonSchema,
  type Node,
  nodeAt,
  resolve,
  type Section,
  widgetOf,
} from "./schema";

export interface FormField {
  path: string;
  widget: string;
  shownWhen?: Condition;
  hiddenWhen?: Condition;
}

export interface FormSection extends Section {
  fields: FormField[];
}

/**
 * All fields of a schema, by section. A field stands in the section of its class, in the order in
 * which the class declares it, unless its `x-form` says otherwise; a section that the schema does
 * not list is a folded one at the end.
 */
export function sectionsOf(schema: JsonSchema): FormSection[] {
  const root = schema as Node;
  const listed = new Map(root["x-sections"]?.map((section) => [section.title, section]));
  const placed = fieldsBelow(root, root, "");
  const titles = new Set([...listed.keys(), ...placed.map(({ section }) => section)]);
  return [...titles]
    .map((title) => ({
      ...(listed.get(title) ?? { title, display: "folded" as const, columns: 2, help: "" }),
      fields: placed
        .filter(({ section }) => section === title)
        .sort((one, other) => one.order - other.order)
        .map(({ field }) => field),
    }))
    .filter(({ fields }) => fields.length > 0);
}

/** The fields of a schema, or of what stands at a path of it, such as `methods.0`. */
export function fieldsOf(schema: JsonSchema, path?: string): FormField[] {
  const node = path === undefined ? (schema as Node) : nodeAt(schema, path);
  const prefix = path === undefined ? "" : `${path}.`;
  return node ? fieldsBelow(schema as Node, node, prefix).map(({ field }) => field) : [];
}

interface Placed {
  section: string;
  order: number;
  field: FormField;
}

function fieldsBelow(root: Node, node: Node, prefix: string): Placed[] {
  const { title = "", properties = {} } = resolve(root, node);
  return Object.entries(properties).flatMap(([name, declared]) => {
    const particular = declared["x-form"] ?? {};
    const path = prefix + name;
    if (particular.hidden) return [];
    if (resolve(root, declared).properties) return fieldsBelow(root, declared, `${path}.`);
    return {
      section: particular.section ?? title,
      order: particular.order ?? 0,
      field: {
        path,
        widget: widgetOf(root, declared),
        shownWhen: particular.shown_when,
        hiddenWhen: particular.hidden_when,
      },
    };
  });
}

/** Whether a field matters as the spec stands. What is wrong with a field always shows. */
export function isShown(field: FormField, spec: unknown, problems: FieldProblem[]): boolean {
  if (problemAt(problems, field.path)) return true;
  const { shownWhen, hiddenWhen } = field;
  return (!shownWhen || holds(shownWhen, spec)) && !(hiddenWhen && holds(hiddenWhen, spec));
}

function holds(condition: Condition, spec: unknown): boolean {
  return Object.entries(condition).some(([path, values]) =>
    valuesAt(spec, path).some((value) => values.includes(value)),
  );
}
