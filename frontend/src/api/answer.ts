/** What the server answers, or why it does not: always a problem that a page can say in a sentence. */

import { address } from "./address";
import { credentials, unknown } from "./credentials";
import type { components } from "./schema";

type Problem = components["schemas"]["Problem"];

const AWAY = "The server does not answer. Is it still running?";
const STARTING = "The server does not take requests now; it may be starting again.";
/** What stands between a page and a server that is away answers with. */
const GATEWAY = [502, 503, 504];

/** Whether asking the same again may help: not where the server understood, and refused. */
export function mayPass(error: unknown): boolean {
  const status = (error as Partial<Problem> | null)?.status;
  return status === undefined || status >= 500;
}

/** A response that failed, with a problem as its body whatever it was: a proxy has its own words. */
export async function withProblem(response: Response): Promise<Response> {
  if (response.ok) return response;
  if (response.status === 401) unknown();
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined);
  if (body && typeof body === "object" && "detail" in body) return response;
  const detail = GATEWAY.includes(response.status)
    ? STARTING
    : `The server answered with ${response.status} ${response.statusText}`.trim();
  return problemResponse(response.status, detail);
}

/** Instead of the response of a server that cannot be reached. */
export function unreachable(): Response {
  return problemResponse(503, AWAY);
}

function problemResponse(status: number, detail: string): Response {
  const problem: Problem = { type: "about:blank", title: "", status, detail, errors: [] };
  return new Response(JSON.stringify(problem), {
    status,
    headers: { "Content-Type": "application/problem+json" },
  });
}

/** Read what is at a path of the server. Throws the problem where there is none. */
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  await opened();
  const response = await fetch(address(path), { signal, headers: credentials() }).catch(
    (error: unknown) => {
      if (signal?.aborted) throw error;
      return unreachable();
    },
  );
  const body: unknown = await (await withProblem(response)).json();
  if (!response.ok) throw body;
  return body as T;
}

/** How long what is read waits for the feed. */
export const PATIENCE_MS = 500;
let opening: Promise<unknown> = Promise.resolve();

/**
 * Let what is read wait for the feed, though not for long: an answer that was read before it began
 * would have to be read again, since nobody tells of a change in between.
 */
export function readAfter(following: Promise<void>): void {
  opening = Promise.race([following, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
}

/** Settled when the feed has begun, or does not begin for a while. */
export function opened(): Promise<unknown> {
  return opening;
}
