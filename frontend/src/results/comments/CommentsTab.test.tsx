import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
// Loaded before: the first formula would wait for it.
import "../../ui/formulas";
import { CommentsTab } from "./CommentsTab";

// The client takes it as it is when it is read.
const server = vi.hoisted(() => {
  const server = { asked: [] as [string, string, unknown][], person: 1, writes: true };
  const comment = {
    id: 7,
    run: null,
    view: "/experiments/3?tab=spectra",
    figure: "Spectra",
    text: "why *this*?",
    html: '<p>why <em>this</em>? <code class="formula">x^2</code></p>',
    author: "ada",
    person: 1,
    created_at: "2026-01-01T00:00:00Z",
    edited_at: null,
  };
  const answer = ({ person, writes }: typeof server, url: string) => {
    if (url.endsWith("/commenters")) {
      const people = [{ id: 2, name: "Bo Berg" }];
      return { people, writes, person, deletes_any: false };
    }
    return url.endsWith("/comments") ? { comments: [comment], total: 1 } : comment;
  };
  globalThis.fetch = async (input) => {
    const request = input as Request;
    const text = await request.text();
    server.asked.push([request.method, request.url, text && JSON.parse(text)]);
    if (request.method === "DELETE") return new Response(null, { status: 204 });
    return new Response(JSON.stringify(answer(server, request.url)));
  };
  Element.prototype.scrollIntoView = () => {};
  return server;
});

const written = () => server.asked.filter(([method]) => method !== "GET");

beforeEach(() => Object.assign(server, { asked: [], person: 1, writes: true }));
afterEach(() => {
  cleanup();
  sessionStorage.clear();
});

async function opened(): Promise<HTMLElement> {
  render(<CommentsTab experiment={3} />, {
    wrapper: ({ children }) => (
      <MantineProvider env="test">
        <QueryClientProvider client={new QueryClient()}>{children}</QueryClientProvider>
      </MantineProvider>
    ),
  });
  const patience = { timeout: 4000 };
  const card = await screen.findByLabelText("Comment by ada", {}, patience);
  await waitFor(() => expect(server.asked.length).toBeGreaterThan(1));
  await act(async () => new Promise((told) => setTimeout(told, 20)));
  return card;
}

test("a comment is shown with its formulas set and what it is about", async () => {
  const card = await opened();
  expect(within(card).getByText("Spectra")).toBeTruthy();
  await waitFor(() => expect(card.querySelector(".katex")).not.toBeNull());
  expect(card.querySelector("code.formula")).toBeNull();
});

test("a name is offered after an @, and what is written is sent as it stands", async () => {
  await opened();
  const field = screen.getByLabelText<HTMLTextAreaElement>("A new comment");
  fireEvent.change(field, { target: { value: "see @b", selectionStart: 6 } });
  fireEvent.click(await screen.findByText("Bo Berg"));
  expect(field.value).toBe('see @"Bo Berg" ');
  fireEvent.click(screen.getByRole("button", { name: "Comment" }));
  await waitFor(() => expect(field.value).toBe(""));
  expect(written()[0]?.slice(1)).toEqual([
    "http://lab.test/api/experiments/3/comments",
    { text: 'see @"Bo Berg" ' },
  ]);
});

test("its author edits a comment, and deletes it when asked twice", async () => {
  const card = await opened();
  fireEvent.click(within(card).getByLabelText("Edit the comment"));
  const field = screen.getByLabelText<HTMLTextAreaElement>("Your comment");
  expect(field.value).toBe("why *this*?");
  fireEvent.change(field, { target: { value: "because" } });
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(screen.queryByLabelText("Your comment")).toBeNull());
  fireEvent.click(screen.getByLabelText("Delete the comment"));
  expect(written().map(([method]) => method)).toEqual(["PATCH"]);
  fireEvent.click(screen.getByText("Delete for good"));
  await waitFor(() => expect(written().map(([method]) => method)).toEqual(["PATCH", "DELETE"]));
});

test("others change nothing of it, and whoever may not write has no field", async () => {
  Object.assign(server, { person: 2, writes: false });
  const card = await opened();
  expect(within(card).queryByRole("button", { name: /comment/ })).toBeNull();
  expect(screen.queryByLabelText("A new comment")).toBeNull();
});
