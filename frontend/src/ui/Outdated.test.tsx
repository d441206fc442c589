import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { DataTable } from "./DataTable";
import { Figure } from "./Figure";
import { Outdated } from "./Outdated";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** A server that answers when it is told to, by URL. */
function slowServer() {
  const waiting = new Map<string, () => void>();
  vi.stubGlobal("fetch", (url: string) => {
    const answer = new Response(JSON.stringify({ data: [], layout: {} }));
    return new Promise((resolve) => waiting.set(url, () => resolve(answer)));
  });
  return async (part: string) => {
    const url = await waitFor(() => {
      const asked = [...waiting.keys()].find((key) => key.includes(part));
      expect(asked).toBeDefined();
      return asked ?? "";
    });
    await act(async () => waiting.get(url)?.());
  };
}

const frame = (metric: string) => (
  <MantineProvider env="test">
    <Figure of={["e1"]} name="curves" label={`Curves of ${metric}`} params={{ metric }} />
  </MantineProvider>
);

test("a figure of what was asked before is busy, and gives nothing away under the new title", async () => {
  const answer = slowServer();
  const queries = new QueryClient();
  const { rerender } = render(frame("loss"), {
    wrapper: ({ children }) => (
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    ),
  });
  await answer("metric=loss");
  await screen.findByRole("figure");
  const figure = () => screen.getByRole("figure", { hidden: true });
  const busy = () => figure().closest("[aria-busy=true]") as HTMLElement | null;
  expect(busy()).toBeNull();
  expect(screen.getByRole("link", { name: "CSV" }).getAttribute("href")).toContain("metric=loss");
  fireEvent.click(screen.getByRole("button", { name: "Full screen: Curves of loss" }));

  rerender(frame("accuracy"));
  const [shown, whole] = screen.getAllByRole("figure", { hidden: true });
  for (const each of [shown, whole]) {
    const frozen = each?.closest("[aria-busy=true]") as HTMLElement;
    expect(frozen.hasAttribute("inert")).toBe(true);
    expect(Number(frozen.style.opacity)).toBeLessThan(0.6);
  }
  const bar = within(shown?.closest("[aria-busy=true]") as HTMLElement);
  const buttons = bar.getAllByRole<HTMLButtonElement>("button", { hidden: true });
  expect(buttons.map(({ textContent }) => textContent).filter(Boolean)).toEqual(["PNG", "SVG"]);
  const open = buttons.filter(({ disabled }) => !disabled);
  // Without portals, as in tests, what leaves the full screen stands inside as well.
  expect(open.map((each) => each.getAttribute("aria-label"))).toEqual(["Leave full screen"]);
  for (const kind of ["CSV", "Parquet"])
    expect(bar.getByText(kind).hasAttribute("href")).toBe(false);

  await answer("metric=accuracy");
  await waitFor(() => {
    const figures = screen.getAllByRole("figure", { hidden: true });
    expect(figures.map((each) => each.closest("[inert]"))).toEqual([null, null]);
  });
  const csv = screen.getAllByText("CSV")[0] as HTMLElement;
  expect(csv.getAttribute("href")).toContain("metric=accuracy");
});

test("an outdated table cannot be saved", () => {
  const rows = [{ name: "LoRA" }];
  const columns = [{ id: "name", header: "Method", value: (row: { name: string }) => row.name }];
  const table = (when: boolean) => (
    <MantineProvider env="test">
      <Outdated when={when}>
        <DataTable rows={rows} columns={columns} caption="Methods" />
      </Outdated>
    </MantineProvider>
  );
  const { rerender } = render(table(true));
  const files = () =>
    screen
      .getAllByRole<HTMLButtonElement>("button", { name: /^Methods as/, hidden: true })
      .map(({ disabled }) => disabled);
  expect(files()).toEqual([true, true]);
  rerender(table(false));
  expect(files()).toEqual([false, false]);
});

test("rows of an earlier search can be reached, and the heading that sorts keeps the focus", () => {
  const rows = [{ name: "LoRA" }];
  const columns = [{ id: "name", header: "Method", value: (row: { name: string }) => row.name }];
  const table = (when: boolean) => (
    <MantineProvider env="test">
      <Outdated when={when} rows>
        <DataTable rows={rows} columns={columns} caption="Methods" />
      </Outdated>
    </MantineProvider>
  );
  const { rerender } = render(table(false));
  screen.getByRole("button", { name: "Method" }).focus();
  rerender(table(true));
  const busy = screen.getByText("LoRA").closest<HTMLElement>("[aria-busy=true]");
  expect(busy?.hasAttribute("inert")).toBe(false);
  expect(Number(busy?.style.opacity)).toBeLessThan(0.6);
  expect(document.activeElement?.textContent).toContain("Method");
  const files = screen.getAllByRole<HTMLButtonElement>("button", { name: /^Methods as/ });
  expect(files.map(({ disabled }) => disabled)).toEqual([true, true]);
});

const SOURCES = import.meta.glob<string>("../**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** Where an old answer says itself what it is of: names by number, options under their experiment. */
const NAMED_BY_THEMSELVES = ["../results/basket/BasketBar.tsx"];

test("whatever keeps the answer to an earlier question says so while the next one comes", () => {
  const keeping = Object.entries(SOURCES).filter(
    ([file, source]) => !file.includes(".test.") && /placeholderData:/.test(source),
  );
  expect(keeping.length).toBeGreaterThan(5);
  const silent = keeping.filter(([, source]) => !source.includes("isPlaceholderData"));
  expect(silent.map(([file]) => file)).toEqual(NAMED_BY_THEMSELVES);
});
