import { Text } from "@mantine/core";
import type { Run } from "../../api/client";

/**
 * What all finished runs of an experiment say alike, such as what was left out of their data, by
 * experiment: said once rather than in every row. Warnings stay where they are.
 */
export function sharedNotes(runs: Run[]): Map<number, string[]> {
  const shared = new Map<number, string[]>();
  const ended = runs.filter(({ status }) => status === "succeeded");
  for (const id of new Set(ended.map((run) => run.experiment_id))) {
    const own = ended.filter((run) => run.experiment_id === id);
    const [first, ...others] = own;
    if (!first || others.length === 0) continue;
    const alike = first.notes.filter(
      (note) => !first.warnings.includes(note) && others.every(({ notes }) => notes.includes(note)),
    );
    if (alike.length > 0) shared.set(id, [...new Set(alike)]);
  }
  return shared;
}

/** What all runs of each experiment say alike; nothing where there is nothing. */
export function SharedNotes({ shared }: { shared: Map<number, string[]> }) {
  const several = shared.size > 1;
  return [...shared].map(([experiment, notes]) => (
    <Text size="sm" c="dimmed" key={experiment} style={{ overflowWrap: "anywhere" }}>
      Every run{several ? ` of #${experiment}` : ""}: {notes.join("; ")}
    </Text>
  ));
}
