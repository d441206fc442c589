import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, expect, test } from "vitest";
import { RecordsTable } from "./RecordsTable";
import type { Cell } from "./table";

afterEach(cleanup);

function source(key: string, ...rows: Cell[][]) {
  return { key, read: async () => ({ columns: ["series", "loss"], data: rows }) };
}

test("an open table follows its figure: what is drawn from other data has other rows", async () => {
  const queries = new QueryClient({ defaultOptions: { queries: { staleTime: 5_000 } } });
  const wrapper = ({ children }: { children: ReactNode }) => (
    <MantineProvider>
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    </MantineProvider>
  );
  const first = source("one seed", ["LoRA", 1]);
  const whole = source("all seeds", ["LoRA", 1], ["PiSSA", 2]);
  const { rerender } = render(<RecordsTable source={first} caption="Data" />, { wrapper });
  expect(await screen.findByText("LoRA")).toBeTruthy();
  rerender(<RecordsTable source={whole} caption="Data" />);
  expect(await screen.findByText("PiSSA")).toBeTruthy();
  rerender(<RecordsTable source={first} caption="Data" />);
  expect(await screen.findByText("LoRA")).toBeTruthy();
  expect(screen.queryByText("PiSSA")).toBeNull();
});

test("of a table that is too large it says how many rows are missing, and it does not sort a part", async () => {
  const read = async () => ({ columns: ["loss"], data: [[2], [1]], left_out: 12_345 });
  render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient()}>
        <RecordsTable source={{ key: "large", read }} caption="Data" />
      </QueryClientProvider>
    </MantineProvider>,
  );
  expect(
    await screen.findByText(/^The first 2 rows; .+ more are in the figure's files\.$/),
  ).toBeTruthy();
  expect(screen.queryByRole("button", { name: /loss/i })).toBeNull();
});
