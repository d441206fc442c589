import createFetchClient from "openapi-fetch";
import createQueryHooks from "openapi-react-query";
import { ROOT } from "./address";
import { mayPass, opened, unreachable, withProblem } from "./answer";
import { credentials } from "./credentials";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type ExperimentSpec = Schemas["ExperimentSpec"];
export type Catalog = Schemas["CatalogOut"];
export type Run = Schemas["RunOut"];
export type Experiment = Schemas["ExperimentOut"];
export type ExperimentDetail = Schemas["ExperimentDetailOut"];
export type Problem = Schemas["Problem"];
export type FieldProblem = Schemas["FieldProblem"];

/** Lists as `?runs=1&runs=2`, the way FastAPI reads them. */
export const client = createFetchClient<paths>({ baseUrl: ROOT });
client.use({
  onRequest: async ({ request }) => {
    await opened();
    for (const [name, value] of Object.entries(credentials())) request.headers.set(name, value);
    return request;
  },
  onResponse: ({ response }) => withProblem(response),
  onError: ({ error, request }) => (request.signal.aborted ? (error as Error) : unreachable()),
});
export const api = createQueryHooks(client);

/** A stored spec as the form takes it. Where the detail names problems it may be none: say those. */
export function storedSpec(detail: ExperimentDetail): ExperimentSpec {
  return detail.spec as unknown as ExperimentSpec;
}

/** Why a stored experiment cannot be launched again here, in a sentence; empty where it can. */
export function whyNotLaunched({ problems }: ExperimentDetail): string {
  if (problems.length === 0) return "";
  const reasons = problems.map(({ path, message }) =>
    message.includes("not installed") ? message : `${path}: ${message}`,
  );
  return `It cannot be launched again here: ${reasons.join("; ")}.`;
}

/** Whether the server understood and refused: asking again changes nothing. */
export function isRefusal(error: unknown): boolean {
  return !mayPass(error);
}

/** What the server said was wrong, in a sentence. */
export function sentence(error: unknown): string {
  if (error && typeof error === "object" && "detail" in error) {
    return String((error as { detail: unknown }).detail);
  }
  return error instanceof Error ? error.message : "The server did not answer.";
}
