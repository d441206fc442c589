import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { ExperimentDetail } from "../api/client";
import { GUEST, type Role, type Who, WhoProvider, whoOf } from "../people/who";
import { NotesTab } from "./NotesTab";

// The client takes it as it is when it is read.
vi.hoisted(() => {
  globalThis.fetch = async () => new Response("[]");
});

afterEach(() => {
  cleanup();
  sessionStorage.clear();
});

const RIGHTS = { viewer: ["read"], editor: ["read", "launch"], administrator: ["admin"] };
const OWNER = 1;

/** Person `id`, who has this role. */
function somebody(role: Role, id = OWNER): Who {
  return whoOf({ auth: "local", person: { id, role, rights: RIGHTS[role] } } as never);
}

/** The notes of an experiment of which a draft lies in the tab, as somebody sees them. */
async function opened(who: Who) {
  sessionStorage.setItem("draft: notes of 7", JSON.stringify({ text: "half of it", base: 0 }));
  render(<NotesTab experiment={{ id: 7, owner: OWNER } as ExperimentDetail} />, {
    wrapper: ({ children }) => (
      <MantineProvider env="test">
        <QueryClientProvider client={new QueryClient()}>
          <WhoProvider value={who}>{children}</WhoProvider>
        </QueryClientProvider>
      </MantineProvider>
    ),
  });
  await screen.findByText(/^half of it$|Nothing has been written/);
}

test.each<[string, Who]>([
  ["a guest", GUEST],
  ["who only looks by now", somebody("viewer")],
  ["an editor whose experiment it is not", somebody("editor", 2)],
])("%s sees the notes and no editor, whatever draft there is of them", async (_, who) => {
  await opened(who);
  expect(screen.queryByLabelText("Notes in Markdown")).toBeNull();
  expect(screen.queryByRole("button", { name: "Save" })).toBeNull();
  // It waits for whoever may save it again.
  expect(sessionStorage.getItem("draft: notes of 7")).not.toBeNull();
});

test.each<[string, Who]>([
  ["its owner", somebody("editor")],
  ["an administrator", somebody("administrator", 2)],
])("%s finds the draft in the editor", async (_, who) => {
  await opened(who);
  expect(screen.getByLabelText<HTMLTextAreaElement>("Notes in Markdown").value).toBe("half of it");
});
