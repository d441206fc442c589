import { useLocalStorage } from "@mantine/hooks";

/** The columns that a table of runs shows unless others are chosen. */
export const FIRST_COLUMNS = [
  "run_id",
  "label",
  "rank",
  "learning_rate",
  "seed",
  "status",
  "eval_loss",
  "accuracy",
  "perplexity",
  "relative_loss",
  "train_seconds",
];

/** The columns that this browser shows where a link names none; the settings change them. */
export function useRunColumns() {
  return useLocalStorage<string[]>({
    key: "loraone-run-columns",
    defaultValue: FIRST_COLUMNS,
    getInitialValueInEffect: false,
  });
}
