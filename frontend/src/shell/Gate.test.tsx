import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useWho } from "../people/who";
import { Gate } from "./Gate";

const ANA = {
  id: 1,
  name: "Ana",
  role: "editor",
  rights: ["read", "launch"],
  way: "session",
  colour: "#175cd3",
  password: true,
};
const NOBODY = {
  person: null,
  auth: "local",
  sign_in_needed: true,
  administrator_exists: true,
  public_url: null,
  button: null,
};
const HERE = { ...NOBODY, auth: "none", sign_in_needed: false };
const inside = (person: object) => ({ ...NOBODY, person, sign_in_needed: false });

// The client takes it as it is when it is read.
const server = vi.hoisted(() => {
  const server = { me: {} as object, signIn: () => new Response("{}"), sent: [] as unknown[] };
  globalThis.fetch = async (request) => {
    const { url } = request as Request;
    if (url.endsWith("/api/me")) return new Response(JSON.stringify(server.me));
    server.sent.push(await (request as Request).json());
    return server.signIn();
  };
  return server;
});

/** The feed, as far as the gate opens and closes it. */
const feeds: EventTarget[] = [];
const closed = vi.fn();
globalThis.EventSource = class extends EventTarget {
  onerror = () => {};
  close = closed;
  constructor() {
    super();
    feeds.push(this);
  }
} as never;

beforeEach(() => {
  feeds.length = 0;
  server.sent = [];
  closed.mockClear();
});
afterEach(() => {
  cleanup();
  sessionStorage.clear();
});

function Page() {
  const { person, auth } = useWho();
  return <p>{`The page of ${person?.name ?? "anybody"}, ${auth}`}</p>;
}

function opened(me: object) {
  server.me = me;
  const queries = new QueryClient();
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={queries}>
        <Gate>
          <Page />
        </Gate>
      </QueryClientProvider>
    </MantineProvider>,
  );
  return queries;
}

function signIn() {
  fireEvent.change(screen.getByLabelText("Name"), { target: { value: "Ana" } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: "three words" } });
  fireEvent.click(screen.getByRole("button", { name: "Sign in" }));
}

test("without accounts the page is there at once and follows the feed", async () => {
  opened(HERE);
  expect(await screen.findByText("The page of anybody, none")).toBeTruthy();
  expect(feeds).toHaveLength(1);
});

test("nobody sees a page or is told of anything before they have signed in", async () => {
  opened(NOBODY);
  await screen.findByLabelText("Password");
  expect(screen.queryByText(/The page/)).toBeNull();
  expect(feeds).toHaveLength(0);
  server.signIn = () => new Response(JSON.stringify(inside(ANA)));
  signIn();
  expect(await screen.findByText("The page of Ana, local")).toBeTruthy();
  expect(server.sent).toEqual([{ name: "Ana", password: "three words" }]);
  expect(feeds).toHaveLength(1);
});

test("why somebody is not let in is said in the server's words, and the password is asked again", async () => {
  opened(NOBODY);
  await screen.findByLabelText("Password");
  const detail = "too many wrong passwords; try again in 8 seconds";
  server.signIn = () => new Response(JSON.stringify({ detail, status: 429 }), { status: 429 });
  signIn();
  expect(await screen.findByText(detail)).toBeTruthy();
  const field = (label: string) => screen.getByLabelText(label) as HTMLInputElement;
  expect([field("Name").value, field("Password").value]).toEqual(["Ana", ""]);
});

test("whom the server knows no more is at the way in; what was read is forgotten, drafts stay", async () => {
  const queries = opened(inside(ANA));
  await screen.findByText("The page of Ana, local");
  queries.setQueryData(["get", "/api/experiments"], "what Ana saw");
  sessionStorage.setItem("draft: notes of 3", "typed");
  server.me = NOBODY;
  act(() => void feeds[0]?.dispatchEvent(new MessageEvent("signed-out", { data: "{}" })));
  await screen.findByLabelText("Password");
  expect(closed).toHaveBeenCalled();
  await waitFor(() => expect(queries.getQueryData(["get", "/api/experiments"])).toBeUndefined());
  expect(sessionStorage.getItem("draft: notes of 3")).toBe("typed");
  server.signIn = () => new Response(JSON.stringify(inside(ANA)));
  signIn();
  await screen.findByText("The page of Ana, local");
  expect(sessionStorage.getItem("draft: notes of 3")).toBe("typed");
});

test("without accounts a draft outlives the first launch, which makes one a person", async () => {
  opened(HERE);
  await screen.findByText("The page of anybody, none");
  sessionStorage.setItem("draft: notes of 3", "typed");
  cleanup();
  opened({ ...HERE, person: ANA });
  await screen.findByText("The page of Ana, none");
  expect(sessionStorage.getItem("draft: notes of 3")).toBe("typed");
});

test("another person in the same tab finds no drafts of the one before", async () => {
  opened(inside(ANA));
  await screen.findByText("The page of Ana, local");
  sessionStorage.setItem("draft: notes of 3", "typed");
  cleanup();
  opened(inside({ ...ANA, id: 2, name: "Ben" }));
  await screen.findByText("The page of Ben, local");
  expect(sessionStorage.getItem("draft: notes of 3")).toBeNull();
});
