import { address } from "../api/address";
import { unreachable, withProblem } from "../api/answer";
import type { ExperimentSpec, Problem, Schemas } from "../api/client";

export type TheoryAnswer = Schemas["TheoryOut"];
export interface TheoryProgress {
  done: number;
  total: number;
}

interface Line extends Partial<TheoryProgress> {
  answer?: TheoryAnswer;
  error?: string;
}

interface Options {
  quick: boolean;
  theme: "light" | "dark";
  signal: AbortSignal;
  onProgress?: (progress: TheoryProgress) => void;
}

/** Solve a theory experiment; the server sends lines of JSON until the answer is there. */
export async function solve(spec: ExperimentSpec, options: Options): Promise<TheoryAnswer> {
  const query = new URLSearchParams({ quick: String(options.quick), theme: options.theme });
  const response = await fetch(address(`/api/theory?${query}`), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(spec),
    signal: options.signal,
  }).catch((error: unknown) => {
    if (options.signal.aborted) throw error;
    return unreachable();
  });
  if (!response.ok || !response.body) {
    throw (await (await withProblem(response)).json()) as Problem;
  }
  for await (const line of lines(response.body)) {
    const message = JSON.parse(line) as Line;
    if (message.error !== undefined) throw new Error(message.error);
    if (message.answer) return message.answer;
    options.onProgress?.({ done: message.done ?? 0, total: message.total ?? 0 });
  }
  throw new Error("The server ended before it had an answer.");
}

/** The lines of a stream of text, as they come. */
export async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as never).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = (await reader.read()) as { done: boolean; value?: string };
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) if (part) yield part;
    }
    if (rest) yield rest;
  } finally {
    reader.releaseLock();
  }
}
