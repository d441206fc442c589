/** Which fields of a spec a teacher–student problem reads, and which of them the lab shows. */

import type { Catalog, ExperimentSpec } from "../api/client";
import { type FormField, fieldsOf } from "../spec/layout";
import type { JsonSchema } from "../spec/schema";
import { formFields } from "../spec/unshown";

const SECTIONS = ["problem", "grid", "training"];
const OTHERS = ["name", "description", "measure.alignment_every"];

/** The fields of the sections that a problem reads, and the few of others, in the form's order. */
export function fieldsRead(schema: JsonSchema): FormField[] {
  const all = fieldsOf(schema);
  const named = (paths: string[]) => all.filter(({ path }) => paths.includes(path));
  return [...named(OTHERS), ...SECTIONS.flatMap((section) => fieldsOf(schema, section))];
}

/**
 * The paths that the lab shows, or that a problem does not read because they are about a model. Of
 * tasks it is that of the presets that the page itself means.
 */
export function fieldsShown(
  { task }: Pick<ExperimentSpec, "task">,
  schema: JsonSchema,
  catalog: Pick<Catalog, "theory">,
): string[] {
  const meant = catalog.theory.some(({ spec }) => spec.task === task);
  return [
    ...formFields(schema).filter((path) => path !== "task" || meant),
    ...fieldsRead(schema).map(({ path }) => path),
    "sweep.parameter",
    "sweep.values",
  ];
}
