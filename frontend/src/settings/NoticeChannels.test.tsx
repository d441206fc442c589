import { MantineProvider } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Asked } from "../ui/asking";
import { NoticeChannels } from "./NoticeChannels";

const SECRET = "hush-otter";
const ADDRESS = `jsons://ana:${SECRET}@lab.example.org/${SECRET}`;

// The client takes it as it is when it is read.
const server = vi.hoisted(() => {
  const server = {
    asked: [] as [string, string, unknown][],
    channels: [] as Record<string, unknown>[],
    missing: null as string | null,
    // What is answered to a change, by its method and the end of its address.
    answers: {} as Record<string, () => Response>,
  };
  globalThis.fetch = async (input) => {
    const request = input as Request;
    const path = new URL(request.url).pathname;
    if (request.method === "GET") {
      const { channels, missing } = server;
      return new Response(JSON.stringify({ channels, missing, schemas: ["jsons", "slack"] }));
    }
    const text = await request.text();
    server.asked.push([request.method, path, text && JSON.parse(text)]);
    const key = `${request.method} ${path.split("/").at(-1)}`;
    return server.answers[key]?.() ?? new Response(null, { status: 204 });
  };
  return server;
});

const channel = (more: Record<string, unknown> = {}) => ({
  id: 3,
  label: "my hook",
  shown: "jsons://lab.example.org",
  kinds: ["finished", "failed"],
  created_at: "2026-01-01T00:00:00Z",
  sent_at: null,
  trouble: null,
  paused: false,
  ...more,
});
const problem = (status: number, body: Record<string, unknown>) => () =>
  new Response(JSON.stringify({ type: "about:blank", status, ...body }), { status });

const said = vi.spyOn(notifications, "show");
beforeEach(() => {
  Object.assign(server, { asked: [], channels: [], missing: null, answers: {} });
  said.mockClear();
});
afterEach(cleanup);

async function panel(...channels: Record<string, unknown>[]): Promise<HTMLElement> {
  server.channels = channels;
  render(
    <>
      <NoticeChannels />
      <Asked />
    </>,
    {
      wrapper: ({ children }) => (
        <MantineProvider env="test">
          <QueryClientProvider client={new QueryClient()}>{children}</QueryClientProvider>
        </MantineProvider>
      ),
    },
  );
  return screen.findByRole("region", { name: "Notices" }, { timeout: 4000 });
}

const field = (label: string) => screen.getByLabelText<HTMLInputElement>(label);
const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));
function filled() {
  fireEvent.change(field("What you call it"), { target: { value: "my hook" } });
  fireEvent.change(field("Address"), { target: { value: ` ${ADDRESS} ` } });
  press("Add");
}

test("an address is sent once, and is nowhere on the page after it was added", async () => {
  server.answers["POST channels"] = () => {
    server.channels = [channel()];
    return new Response(JSON.stringify(channel()), { status: 201 });
  };
  const region = await panel();
  expect(within(region).getByText("You have none.")).toBeTruthy();
  expect(field("Address").type).toBe("password");
  filled();
  expect(await screen.findByText("jsons://lab.example.org")).toBeTruthy();
  const kinds = ["finished", "failed", "mentioned"];
  expect(server.asked).toEqual([
    ["POST", "/api/notices/channels", { label: "my hook", address: ADDRESS, kinds }],
  ]);
  expect(field("Address").value).toBe("");
  expect(document.documentElement.outerHTML).not.toContain(SECRET);
});

test("one that is refused stays in its field with the reason, and is not repeated beside it", async () => {
  const message = "is refused: its host is private, loopback or link-local";
  server.answers["POST channels"] = problem(422, {
    title: "Invalid",
    detail: message,
    errors: [{ path: "address", message, value: null, allowed: null, hint: null }],
  });
  const region = await panel();
  filled();
  expect(await within(region).findByText(new RegExp(message))).toBeTruthy();
  expect(field("Address").value).toContain(SECRET);
  expect(region.textContent).not.toContain(SECRET);
});

test("what is no fault of a field is said below", async () => {
  const detail = "there are 20 channels; allowed: up to 20: delete some";
  server.answers["POST channels"] = problem(409, { title: "Conflict", detail });
  await panel();
  filled();
  expect((await screen.findByRole("alert")).textContent).toContain(detail);
});

test.each([
  [null, "A word went to my hook."],
  ["the server answered 403", "To my hook: the server answered 403."],
])("a test says what came of it: %s", async (reason, words) => {
  server.answers["POST test"] = () => new Response(JSON.stringify({ reason }));
  await panel(channel());
  press("Test the channel my hook");
  await waitFor(() => expect(said.mock.calls[0]?.[0].message).toBe(words));
  expect(server.asked[0]?.[1]).toBe("/api/notices/channels/3/test");
});

test("what is sent to a channel is another at once", async () => {
  server.answers["PATCH 3"] = () => {
    server.channels = [channel({ kinds: ["finished", "failed", "disk"] })];
    return new Response(JSON.stringify(server.channels[0]));
  };
  await panel(channel());
  fireEvent.click(screen.getByRole("combobox", { name: "What is sent to my hook" }));
  fireEvent.click(await screen.findByRole("option", { name: "The disk is filling up" }));
  await waitFor(() => expect(server.asked).toHaveLength(1));
  const kinds = ["finished", "failed", "disk"];
  expect(server.asked[0]).toEqual(["PATCH", "/api/notices/channels/3", { kinds }]);
  await waitFor(() => {
    const row = screen.getByRole("row", { name: /my hook/ });
    const chosen = { selector: ".mantine-Pill-label" };
    expect(within(row).getByText("The disk is filling up", chosen)).toBeTruthy();
  });
});

test("one is deleted when that was said twice, with what waits for it", async () => {
  server.answers["DELETE 3"] = () => {
    server.channels = [];
    return new Response(null, { status: 204 });
  };
  await panel(channel());
  press("Delete the channel my hook");
  expect(server.asked).toEqual([]);
  fireEvent.click(await screen.findByRole("button", { name: "Delete" }));
  expect(await screen.findByText("You have none.")).toBeTruthy();
  expect(server.asked.map(([method]) => method)).toEqual(["DELETE"]);
});

test("one that is paused says why, and without apprise there is no form", async () => {
  server.missing = "Sending needs apprise, which this server does not have";
  await panel(channel({ paused: true, trouble: "the server answered 500" }));
  expect(screen.getByText("paused")).toBeTruthy();
  expect(screen.getByText("The last one did not arrive: the server answered 500.")).toBeTruthy();
  expect(screen.getByRole("alert").textContent).toContain("needs apprise");
  expect(screen.queryByLabelText("Address")).toBeNull();
});
