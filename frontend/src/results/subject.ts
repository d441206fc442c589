/** What the views of results are about: the runs of a basket. */

import type { Catalog, Run, Schemas } from "../api/client";
import type { ViewSearch } from "./search";

export interface Subject {
  /** The items of the basket, as the server reads them. */
  of: string[];
  runs: Run[];
  layers: Schemas["LayerOut"][];
  /** The steps at which alignment was measured. */
  steps: number[];
  /** Of its experiments; each once. */
  tasks: string[];
}

/** What is shown, what the URL says of how, and how to change that. */
export interface Shown {
  subject: Subject;
  search: ViewSearch;
  change: (part: Partial<ViewSearch>) => void;
}

/** What every view is given: what is shown, and the catalogue that says what there is. */
export interface ViewProps extends Shown {
  catalog: Catalog;
}

/** The runs that have all their results. */
export function finished(subject: Subject): Run[] {
  return subject.runs.filter(({ status }) => status === "succeeded");
}

/** Why there is nothing that a run would bring: none has finished so far, or none will. */
export function nothingYet({ runs }: Subject): string {
  const counted = (status: Run["status"]) => runs.filter((run) => run.status === status).length;
  if (counted("succeeded") > 0) return "The runs that have finished did not measure it.";
  if (runs.length === 0 || counted("queued") + counted("running") > 0) {
    return "No run has finished yet.";
  }
  return `No run has finished: ${counted("failed")} failed, ${counted("cancelled")} cancelled.`;
}

/** The run that the URL names, or the first that has finished. */
export function shownRun(subject: Subject, search: ViewSearch): number | undefined {
  return search.run ?? finished(subject)[0]?.id;
}

/** The labels of the methods, in order. */
export function methodLabels(subject: Subject): string[] {
  return [...new Set(subject.runs.map(({ label }) => label))];
}

/** The classes of layers of which there is one for each expert. */
export function expertModules(subject: Subject): string[] {
  const ofExperts = subject.layers.filter(({ expert }) => expert !== null);
  return [...new Set(ofExperts.map(({ module }) => module))];
}

/** The classes of the layers, in the order in which a block has them. */
export function modules(subject: Subject): string[] {
  return [...new Set(subject.layers.map(({ module }) => module))];
}
