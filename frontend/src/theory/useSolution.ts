import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { ExperimentSpec } from "../api/client";
import { solve, type TheoryAnswer, type TheoryProgress } from "./solve";

export interface Solved {
  answer: TheoryAnswer | undefined;
  /** Whether the answer is of all seeds, or of the first alone. */
  whole: boolean;
  progress: TheoryProgress | undefined;
  error: unknown;
}

const NOTHING: Solved = { answer: undefined, whole: false, progress: undefined, error: undefined };

/** Solve a spec as it changes: the first seed at once, then all; what is outdated is given up. */
export function useSolution(spec: ExperimentSpec): Solved {
  const theme = useComputedColorScheme("light");
  const [solved, setSolved] = useState<Solved>(NOTHING);
  const text = JSON.stringify(spec);
  const latest = useRef(spec);
  latest.current = spec;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is the spec, by value
  useEffect(() => {
    const gone = new AbortController();
    const ask = (quick: boolean) =>
      solve(latest.current, {
        quick,
        theme,
        signal: gone.signal,
        onProgress: (progress) => !quick && setSolved((old) => ({ ...old, progress })),
      });
    const run = async () => {
      try {
        const several = (latest.current.grid?.seeds?.length ?? 1) > 1;
        if (several) {
          const first = await ask(true);
          setSolved({ ...NOTHING, answer: first });
        }
        const all = await ask(false);
        setSolved({ ...NOTHING, answer: all, whole: true });
      } catch (error) {
        if (!gone.signal.aborted) setSolved((old) => ({ ...old, progress: undefined, error }));
      }
    };
    void run();
    return () => gone.abort();
  }, [text, theme]);
  return solved;
}
