import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { Experiment } from "../api/client";
import { Star } from "./Star";
import { Tags } from "./Tags";

// The client takes it as it is when it is read.
const server = vi.hoisted(() => {
  const server = {
    asked: [] as object[],
    answer: (_status: number, _detail?: string) => {},
  };
  globalThis.fetch = async (request) => {
    server.asked.push(JSON.parse(await (request as Request).text()));
    return new Promise((resolve) => {
      server.answer = (status, detail) =>
        resolve(new Response(JSON.stringify({ status, detail, errors: [] }), { status }));
    });
  };
  return server;
});

afterEach(() => {
  cleanup();
  sessionStorage.clear();
  server.asked = [];
});

const EXPERIMENT = { id: 3, name: "Demo", tags: ["old"], starred: false } as unknown as Experiment;

const shell = {
  wrapper: ({ children }: { children: React.ReactNode }) => (
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>{children}</QueryClientProvider>
    </MantineProvider>
  ),
};
const field = () => screen.getByLabelText<HTMLInputElement>("Tags", { selector: "input" });
const typed = (value: string) => {
  // What is written into a field without the focus is not taken for typed.
  act(() => field().focus());
  fireEvent.change(field(), { target: { value } });
};
const add = (tag: string) => {
  typed(tag);
  fireEvent.keyDown(field(), { key: "Enter" });
};
const asked = (count: number) => waitFor(() => expect(server.asked).toHaveLength(count));
const answer = (status: number, detail?: string) =>
  act(async () => {
    server.answer(status, detail);
    // What waits for the answer is told a moment later.
    await new Promise((told) => setTimeout(told, 20));
  });

test("a tag that is added while another one is saved replaces none", async () => {
  render(<Tags experiment={EXPERIMENT} />, shell);
  add("paper");
  await asked(1);
  expect(screen.getByText("paper")).toBeTruthy();
  add("minilm");
  typed("half a ta");
  await answer(200);
  await asked(2);
  expect(server.asked).toEqual([{ tags: ["old", "paper"] }, { tags: ["old", "paper", "minilm"] }]);
  await answer(200);
  expect(field().value).toBe("half a ta");
});

test("a tag that is refused comes back, to be changed", async () => {
  render(<Tags experiment={EXPERIMENT} />, shell);
  add("much-too-long");
  await asked(1);
  expect(field().value).toBe("");
  await answer(422, "tags.1: too long");
  expect(field().value).toBe("much-too-long");
  expect(screen.queryByText("much-too-long")).toBeNull();
});

test("a tag that is refused does not replace the one that is being typed", async () => {
  render(<Tags experiment={EXPERIMENT} />, shell);
  add("much-too-long");
  await asked(1);
  typed("next");
  await answer(422, "tags.1: too long");
  expect(field().value).toBe("next");
});

test("a star that is taken away while it is given is taken away", async () => {
  render(<Star experiment={EXPERIMENT} />, shell);
  const star = screen.getByRole("button", { name: "Star Demo" });
  fireEvent.click(star);
  await waitFor(() => expect(star.ariaPressed).toBe("true"));
  fireEvent.click(star);
  await answer(200);
  await asked(2);
  expect(server.asked).toEqual([{ starred: true }, { starred: false }]);
});
