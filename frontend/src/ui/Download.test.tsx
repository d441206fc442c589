import { MantineProvider } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { comeWith } from "../api/credentials";
import { Download } from "./Download";

const saved: { name: string; text: Promise<string> }[] = [];
let content: Blob;
URL.createObjectURL = (blob) => {
  content = blob as Blob;
  return "blob:file";
};
URL.revokeObjectURL = () => {};
HTMLAnchorElement.prototype.click = function () {
  saved.push({ name: this.download, text: content.text() });
};
const fetched = vi.fn<typeof fetch>();
globalThis.fetch = fetched;
const said = vi.spyOn(notifications, "show");

afterEach(() => {
  cleanup();
  comeWith(undefined);
  saved.length = 0;
  fetched.mockReset();
  said.mockClear();
});

function shown(outdated = false) {
  render(
    <Download href="/api/runs/file?of=e1" outdated={outdated}>
      CSV
    </Download>,
    { wrapper: ({ children }) => <MantineProvider env="test">{children}</MantineProvider> },
  );
}

test("whoever is signed in follows a link, and none where the file is not what is asked for", () => {
  shown();
  expect(screen.getByRole("link", { name: "CSV" }).getAttribute("href")).toBe(
    "/api/runs/file?of=e1",
  );
  cleanup();
  shown(true);
  expect(screen.queryByRole("link")).toBeNull();
});

test("for a guest the page fetches the file with the link's secret and saves it by its name", async () => {
  comeWith("s3cret");
  fetched.mockResolvedValue(
    new Response("a,b", { headers: { "Content-Disposition": 'attachment; filename="runs.csv"' } }),
  );
  shown();
  fireEvent.click(screen.getByRole("button", { name: "CSV" }));
  await waitFor(() => expect(saved).toHaveLength(1));
  expect(saved[0]?.name).toBe("runs.csv");
  expect(await saved[0]?.text).toBe("a,b");
  const [url, init] = fetched.mock.calls[0] ?? [];
  expect(url).toBe("/api/runs/file?of=e1");
  expect(new Headers(init?.headers).get("Authorization")).toBe("Share s3cret");
});

test("a file that a guest is refused is said to be not saved", async () => {
  comeWith("s3cret");
  fetched.mockResolvedValue(new Response('{"detail": "it has ended"}', { status: 403 }));
  shown();
  fireEvent.click(screen.getByRole("button", { name: "CSV" }));
  await waitFor(() =>
    expect(said.mock.calls[0]?.[0]).toMatchObject({ title: "Not saved", message: "it has ended" }),
  );
  expect(saved).toHaveLength(0);
});
