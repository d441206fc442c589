import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { DataTable } from "./DataTable";
import type { Column } from "./table";

interface Row {
  name: string;
  loss?: number;
}

const COLUMNS: Column<Row>[] = [
  { id: "name", header: "Method", value: (row) => row.name },
  { id: "loss", header: "Loss", numeric: true, value: (row) => row.loss },
  {
    id: "actions",
    header: "",
    value: () => undefined,
    cell: () => <button type="button">×</button>,
  },
];
const ROWS: Row[] = [
  { name: "LoRA", loss: 10 },
  { name: "full" },
  { name: "PiSSA", loss: 9 },
  { name: "LoRA-GA", loss: 0.5 },
];

function table(rows: Row[], empty?: string) {
  render(<DataTable rows={rows} columns={COLUMNS} caption="Methods" empty={empty} />, {
    wrapper: MantineProvider,
  });
}

/** The first cells of the rows that are shown. */
function names(): (string | null)[] {
  return screen
    .getAllByRole("row")
    .slice(1)
    .map((row) => row.children[0]?.textContent ?? null);
}

function sortOf(header: string): string | null {
  return screen.getByRole("columnheader", { name: header }).getAttribute("aria-sort");
}

afterEach(cleanup);

test("a header sorts its column, smallest first, then the other way; no value is always last", () => {
  table(ROWS);
  expect(names()).toEqual(["LoRA", "full", "PiSSA", "LoRA-GA"]);
  const header = screen.getByRole("button", { name: "Loss" });
  fireEvent.click(header);
  expect(names()).toEqual(["LoRA-GA", "PiSSA", "LoRA", "full"]);
  expect(sortOf("Loss")).toBe("ascending");
  fireEvent.click(header);
  expect(names()).toEqual(["LoRA", "PiSSA", "LoRA-GA", "full"]);
  expect(sortOf("Loss")).toBe("descending");
  expect(sortOf("Method")).toBe("none");
});

test("a column without a header has nothing to sort by", () => {
  table(ROWS);
  const buttons = screen.getAllByRole("columnheader").map((cell) => cell.querySelector("button"));
  expect(buttons.map((button) => button !== null)).toEqual([true, true, false]);
});

test("a long table has pages, and sorting is over all of them", () => {
  table(Array.from({ length: 150 }, (_, i) => ({ name: `run ${i}`, loss: 150 - i })));
  expect(names()).toHaveLength(100);
  fireEvent.click(screen.getByRole("button", { name: "Loss" }));
  expect(names()[0]).toBe("run 149");
  fireEvent.click(screen.getByRole("button", { name: "next page" }));
  expect(names()).toHaveLength(50);
});

test("a table without rows says so", () => {
  table([], "No run yet.");
  expect(screen.getByText("No run yet.")).toBeTruthy();
  expect(screen.queryByRole("table")).toBeNull();
});

test("the arrow of a sorted column stays beside the last word of its header", () => {
  const columns = [{ ...(COLUMNS[0] as Column<Row>), header: "Best learning rate" }];
  render(<DataTable rows={ROWS} columns={columns} caption="Methods" />, {
    wrapper: MantineProvider,
  });
  const header = screen.getByRole("button", { name: "Best learning rate" });
  for (const _ of ["up", "down"]) {
    fireEvent.click(header);
    const beside = header.querySelector("svg")?.parentElement;
    expect(beside?.textContent?.trim()).toBe("rate");
    expect(beside?.style.whiteSpace).toBe("nowrap");
    expect(header.textContent?.trim()).toBe("Best learning rate");
  }
});

test("a name without spaces takes no more room than a few words", () => {
  table([{ name: "x".repeat(200), loss: 1 }]);
  expect(screen.getByText(/^x+$/).style.overflowWrap).toBe("anywhere");
});

test("a moment stays on one line, and words do not", () => {
  const columns: Column<Row>[] = [
    { id: "name", header: "Name", value: (row) => row.name },
    { id: "when", header: "When", moment: true, value: () => 1, cell: () => "8 seconds ago" },
  ];
  render(<DataTable rows={ROWS.slice(0, 1)} columns={columns} caption="Runs" />, {
    wrapper: MantineProvider,
  });
  const [name, when] = screen.getAllByRole("cell").map((cell) => cell.style.whiteSpace);
  expect([name, when]).toEqual(["", "nowrap"]);
});
