import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { afterEach, expect, test, vi } from "vitest";
import type { Schemas } from "../api/client";
import { useDraft } from "../ui/draft";
import { isNoteDraft, NoteEditor } from "./NoteEditor";
import { RenderedMarkdown } from "./RenderedMarkdown";

// The client takes it as it is when it is read.
const server = vi.hoisted(() => {
  const server = { answer: (): Promise<Response> => Promise.reject(new TypeError("away")) };
  globalThis.fetch = () => server.answer();
  return server;
});

afterEach(() => {
  cleanup();
  sessionStorage.clear();
});

const shell = (queries: QueryClient) => ({
  wrapper: ({ children }: { children: React.ReactNode }) => (
    <MantineProvider env="test">
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    </MantineProvider>
  ),
});

/** An editor with its draft in the tab's session, and the newest version as the server has it. */
function Writing({ experiment }: { experiment: number }) {
  const kept = useDraft(`notes of ${experiment}`, isNoteDraft);
  const [latest, setLatest] = useState<Schemas["NoteOut"]>();
  const version = { version: 1, text: "half a sentence" } as Schemas["NoteOut"];
  return (
    kept.draft && (
      <NoteEditor
        experiment={experiment}
        latest={latest}
        kept={kept}
        draft={kept.draft}
        readAnew={async () => setLatest(version)}
      />
    )
  );
}

/** A note is being saved; `answer` lets the server have saved it as version 1. */
async function saving() {
  let answer = () => {};
  server.answer = () =>
    new Promise((resolve) => {
      answer = () => resolve(new Response(JSON.stringify({ version: 1 }), { status: 201 }));
    });
  sessionStorage.setItem("draft: notes of 1", '{"text":"half a sentence","base":0}');
  render(<Writing experiment={1} />, shell(new QueryClient()));
  const save = () => screen.getByRole("button", { name: "Save" });
  fireEvent.click(save());
  await waitFor(() => expect(save().hasAttribute("data-loading")).toBe(true));
  return () =>
    act(async () => {
      answer();
      // What waits for the answer is told a moment later.
      await new Promise((told) => setTimeout(told, 20));
    });
}

const field = () => screen.queryByLabelText<HTMLTextAreaElement>("Notes in Markdown");
const draft = () => sessionStorage.getItem("draft: notes of 1");

test("a note that was saved leaves no draft, also where its tab was left", async () => {
  await (await saving())();
  expect(field()).toBeNull();
  expect(draft()).toBeNull();
  cleanup();
  const answer = await saving();
  cleanup();
  await answer();
  expect(draft()).toBeNull();
});

test("what is typed while a note is saved stays, on top of what was saved", async () => {
  const answer = await saving();
  fireEvent.change(field() as HTMLElement, { target: { value: "half a sentence, and more" } });
  await answer();
  expect(field()?.value).toBe("half a sentence, and more");
  expect(JSON.parse(draft() ?? "")).toEqual({ text: "half a sentence, and more", base: 1 });
  expect(screen.queryByText(/written in between/)).toBeNull();
});

test("a note stays in sight while the server is away", async () => {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  server.answer = async () => new Response(JSON.stringify({ html: "<p>kept</p>" }));
  render(<RenderedMarkdown text="kept" />, shell(queries));
  await screen.findByText("kept");
  server.answer = () => Promise.reject(new TypeError("away"));
  await act(async () => {
    await queries.refetchQueries();
    // Queries tell of it a moment later.
    await new Promise((told) => setTimeout(told, 5));
  });
  expect(queries.getQueryCache().getAll()[0]?.state.status).toBe("error");
  expect(screen.getByText("kept")).toBeTruthy();
});
