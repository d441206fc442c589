import type { Run } from "../../api/client";
import { rate } from "../../ui/format";

/** What a run is of, in one line: `LoRA-One, r 8, lr 5e−4, seed 0`. */
export function runTitle(run: Run): string {
  const rank = run.rank === null ? "" : `, r ${run.rank}`;
  return `${run.label}${rank}, lr ${rate(run.learning_rate)}, seed ${run.seed}`;
}
