import type { Schemas } from "../api/client";

/** The names of the queue's experiments, by their ids. */
export type ExperimentNames = Schemas["QueueOut"]["experiments"];

export function nameOf(id: number, names: ExperimentNames): string {
  return names[id] ?? `Experiment ${id}`;
}
