import { expect, test } from "vitest";
import { lines } from "./solve";

function stream(...chunks: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
}

test("lines are whole however the stream is cut", async () => {
  const received: string[] = [];
  for await (const line of lines(stream('{"a":', '1}\n{"b"', ":2}\n", '{"c":3}')))
    received.push(line);
  expect(received).toEqual(['{"a":1}', '{"b":2}', '{"c":3}']);
});
