import { MantineProvider } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BulkBar } from "./BulkBar";
import { SavedViews } from "./SavedViews";

// The client takes it as it is when it is read.
const server = vi.hoisted(() => {
  const server = {
    asked: [] as string[],
    answer: (_response: Response | Promise<Response>) => {},
  };
  globalThis.fetch = async (request) => {
    const { method, url } = request as Request;
    if (method === "GET") return new Response("[]");
    server.asked.push(url);
    return new Promise((resolve) => {
      server.answer = resolve;
    });
  };
  return server;
});

vi.mock("@tanstack/react-router", () => ({ useNavigate: () => () => undefined }));

const said = vi.spyOn(notifications, "show");
beforeEach(() => void said.mockClear());
afterEach(() => {
  cleanup();
  sessionStorage.clear();
  server.asked = [];
});

const shell = {
  wrapper: ({ children }: { children: React.ReactNode }) => (
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>{children}</QueryClientProvider>
    </MantineProvider>
  ),
};
const field = (label: string) => screen.getByLabelText(label) as HTMLInputElement;
const name = () => field("Name of the view");
const tag = () => field("Tag for the chosen");
const typed = (input: HTMLInputElement, value: string) =>
  fireEvent.change(input, { target: { value } });
const press = (button: string) => fireEvent.click(screen.getByRole("button", { name: button }));
const asked = (count: number) => waitFor(() => expect(server.asked).toHaveLength(count));
const answer = (response: Response | Promise<Response>) =>
  act(async () => {
    server.answer(response);
    // What waits for the answer is told a moment later.
    await new Promise((told) => setTimeout(told, 20));
  });
const view = () => new Response(JSON.stringify({ id: 1, name: "Good ones", query: "" }));
const changed = () => new Response(JSON.stringify({ changed: 2 }));

function views() {
  render(<SavedViews query="is:starred" open={() => {}} />, shell);
  press("Views");
}

function bar(done: (ids: number[]) => void = () => undefined) {
  render(<BulkBar why={undefined} ids={[1, 2]} done={done} />, shell);
}

test("the name of a view is kept over other pages, and where it cannot be saved", async () => {
  views();
  typed(name(), "Good ones");
  cleanup();
  views();
  expect(name().value).toBe("Good ones");
  press("Save");
  await asked(1);
  await answer(Promise.reject(new TypeError("away")));
  expect(said).toHaveBeenCalled();
  expect(name().value).toBe("Good ones");
});

test("the name of a view that is saved makes room, not the one that is typed meanwhile", async () => {
  views();
  typed(name(), " Good ones ");
  press("Save");
  await asked(1);
  await answer(view());
  expect(name().value).toBe("");
  typed(name(), "Good ones");
  press("Save");
  await asked(2);
  typed(name(), "Bad o");
  await answer(view());
  expect(name().value).toBe("Bad o");
});

test("a tag for the chosen makes room when it is given, not the one typed meanwhile", async () => {
  const done = vi.fn();
  bar(done);
  typed(tag(), "paper ");
  press("Tag");
  await asked(1);
  await answer(changed());
  expect(tag().value).toBe("");
  expect(done.mock.calls).toEqual([[[1, 2]]]);
  typed(tag(), "paper");
  press("Tag");
  await asked(2);
  typed(tag(), "mini");
  // One after the other: the star's answer is not the tag's.
  const tagged = server.answer;
  press("Star");
  await asked(3);
  await answer(changed());
  tagged(changed());
  await waitFor(() => expect(done).toHaveBeenCalledTimes(3));
  expect(tag().value).toBe("mini");
});

test("whoever leaves while a name or a tag is saved does not find it again as a draft", async () => {
  views();
  typed(name(), "Good ones");
  press("Save");
  await asked(1);
  cleanup();
  await answer(view());
  expect(sessionStorage.length).toBe(0);
  bar();
  typed(tag(), "paper");
  press("Tag");
  await asked(2);
  cleanup();
  await answer(changed());
  expect(sessionStorage.length).toBe(0);
});
