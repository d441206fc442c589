import { useComputedColorScheme } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { mayPass } from "../api/answer";
import type { ExperimentSpec } from "../api/client";
import { useServerIsThere } from "../api/live";
import { solve, type TheoryAnswer, type TheoryProgress } from "./solve";

export interface Solved {
  answer: TheoryAnswer | undefined;
  /** Names what a zoom into the answer's figures belongs to: its preset and its problem. */
  view: string;
  /** Whether nothing more is on its way: all seeds are solved, or the others could not be. */
  whole: boolean;
  progress: TheoryProgress | undefined;
  error: unknown;
  /** Whether the answer is that of another spec: this one is being solved, or could not be. */
  outdated: boolean;
  /** Solves it again, where it could not be and that may pass. */
  again?: (() => void) | undefined;
}

/** What is known, and of which spec, as text. */
interface Known extends Omit<Solved, "outdated" | "again"> {
  /** What the answer answers. */
  of: string;
  /** What could not be solved. */
  refused: string;
}

const SETTLED_MS = 60;

const NOTHING: Known = {
  of: "",
  refused: "",
  answer: undefined,
  view: "",
  whole: false,
  progress: undefined,
  error: undefined,
};

/**
 * Solve a spec as it changes, once it has settled: the first seed at once, then all; what is
 * outdated is given up. The last answer stays until the next one, and says that it is outdated.
 * What could not be solved because the server was away is solved when it is there again.
 * `from` is what the spec was made of, such as a preset.
 */
export function useSolution(now: ExperimentSpec, from: string): Solved {
  const [spec] = useDebouncedValue(now, SETTLED_MS);
  const theme = useComputedColorScheme("light");
  const [known, setKnown] = useState<Known>(NOTHING);
  const [attempt, setAttempt] = useState(0);
  const there = useServerIsThere();
  const text = JSON.stringify(spec);
  const latest = useRef({ spec, from });
  latest.current = { spec, from };
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt asks again
  useEffect(() => {
    const gone = new AbortController();
    const { spec, from } = latest.current;
    const view = `${from} ${JSON.stringify(spec.problem)}`;
    const ask = (quick: boolean) =>
      solve(spec, {
        quick,
        theme,
        signal: gone.signal,
        onProgress: (progress) => !quick && setKnown((old) => ({ ...old, progress })),
      });
    const run = async () => {
      setKnown((old) => ({ ...old, progress: undefined, error: undefined, refused: "" }));
      try {
        const several = (spec.grid?.seeds?.length ?? 1) > 1;
        if (several) {
          const first = await ask(true);
          setKnown({ ...NOTHING, of: text, view, answer: first });
        }
        const all = await ask(false);
        setKnown({ ...NOTHING, of: text, view, answer: all, whole: true });
      } catch (error) {
        if (!gone.signal.aborted) {
          setKnown((old) => ({ ...old, progress: undefined, error, refused: text }));
        }
      }
    };
    void run();
    return () => gone.abort();
  }, [text, theme, attempt]);
  const { of, refused, ...solved } = known;
  const asked = JSON.stringify(now);
  const error = refused === asked ? solved.error : undefined;
  const passing = error !== undefined && mayPass(error);
  const again = passing ? () => setAttempt((count) => count + 1) : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: when the server is there again
  useEffect(() => {
    if (there) again?.();
  }, [there]);
  const outdated = solved.answer !== undefined && of !== asked;
  return { ...solved, whole: solved.whole || error !== undefined, error, outdated, again };
}
