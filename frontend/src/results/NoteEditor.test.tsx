import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { Draft } from "../ui/draft";
import { type NoteDraft, NoteEditor } from "./NoteEditor";
import { RenderedMarkdown } from "./RenderedMarkdown";

// The client takes both as they are when it is read, and addresses without a host; jsdom has no fonts.
const server = vi.hoisted(() => {
  const server = { answer: (): Promise<Response> => Promise.reject(new TypeError("away")) };
  const Asked = globalThis.Request;
  globalThis.Request = class extends Asked {
    constructor(url: string, init: RequestInit) {
      super(new URL(url, "http://lab.test"), { ...init, signal: null });
    }
  } as typeof Request;
  globalThis.fetch = () => server.answer();
  Object.defineProperty(document, "fonts", { value: new EventTarget() });
  return server;
});

afterEach(cleanup);

const shell = (queries: QueryClient) => ({
  wrapper: ({ children }: { children: React.ReactNode }) => (
    <MantineProvider env="test">
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    </MantineProvider>
  ),
});

test("while a note is saved nothing can be typed that would be lost", async () => {
  let answer = () => {};
  const saved = new Response(JSON.stringify({}), { status: 201 });
  server.answer = () =>
    new Promise((resolve) => {
      answer = () => resolve(saved);
    });
  const draft = { text: "half a sentence", base: 0 };
  const sent = vi.fn();
  const kept = { draft, sent, keep() {}, discard() {} } as unknown as Draft<NoteDraft>;
  render(
    <NoteEditor
      experiment={1}
      latest={undefined}
      kept={kept}
      draft={draft}
      readAnew={async () => {}}
    />,
    shell(new QueryClient()),
  );
  const field = () => screen.getByLabelText<HTMLTextAreaElement>("Notes in Markdown");
  expect(field().readOnly).toBe(false);
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(field().readOnly).toBe(true));
  await act(async () => answer());
  await waitFor(() => expect(sent).toHaveBeenCalledWith(draft));
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
