import { afterEach, expect, test, vi } from "vitest";
import { read, withProblem } from "./answer";
import { comeWith, whenUnknown } from "./credentials";

const asked: Headers[] = [];
globalThis.fetch = async (_url, init) => {
  asked.push(new Headers(init?.headers));
  return new Response("{}");
};

afterEach(() => {
  comeWith(undefined);
  asked.length = 0;
});

test("what is read comes with a share link's secret for as long as it is the one", async () => {
  await read("/api/figures/curves?of=e1");
  comeWith("s3cret");
  await read("/api/figures/curves?of=e1");
  comeWith(undefined);
  await read("/api/figures/curves?of=e1");
  expect(asked.map((headers) => headers.get("Authorization"))).toEqual([
    null,
    "Share s3cret",
    null,
  ]);
});

test("that the server does not know who asks is told, and no other refusal is", async () => {
  const tell = vi.fn();
  const end = whenUnknown(tell);
  const refused = (status: number) => new Response('{"detail": "no"}', { status });
  for (const status of [400, 403, 404, 429, 500]) await withProblem(refused(status));
  expect(tell).not.toHaveBeenCalled();
  await withProblem(refused(401));
  expect(tell).toHaveBeenCalledOnce();
  end();
  await withProblem(refused(401));
  expect(tell).toHaveBeenCalledOnce();
});
