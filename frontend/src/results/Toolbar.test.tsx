import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { Run } from "../api/client";
import type { ViewSearch } from "./search";
import type { Subject } from "./subject";
import { MethodChips, RunChoice } from "./Toolbar";

const RUNS = [
  { id: 1, label: "LoRA", status: "running" },
  { id: 2, label: "PiSSA", status: "queued" },
] as Run[];
const SUBJECT: Subject = { of: ["e1"], runs: RUNS, layers: [], steps: [], tasks: [] };

function chips(search: ViewSearch) {
  const change = vi.fn();
  render(<MethodChips subject={SUBJECT} search={search} change={change} />, {
    wrapper: MantineProvider,
  });
  return change;
}

afterEach(cleanup);

test("a method that is left out goes into the link", () => {
  const change = chips({});
  fireEvent.click(screen.getByLabelText("PiSSA"));
  expect(change).toHaveBeenCalledWith({ methods: ["LoRA"] });
});

test("with all methods, or none, the link names none", () => {
  const change = chips({ methods: ["LoRA"] });
  fireEvent.click(screen.getByLabelText("PiSSA"));
  fireEvent.click(screen.getByLabelText("LoRA"));
  expect(change.mock.calls).toEqual([[{ methods: undefined }], [{ methods: undefined }]]);
});

test("there is no run to choose before one has finished", () => {
  render(<RunChoice subject={SUBJECT} search={{}} change={() => undefined} />, {
    wrapper: MantineProvider,
  });
  expect(screen.queryByLabelText("Of run")).toBeNull();
});

test("runs of one method at two ranks can be told apart", () => {
  const runs = [4, 8].map(
    (rank) =>
      ({ id: rank, label: "LoRA", rank, learning_rate: 0.01, seed: 0, status: "succeeded" }) as Run,
  );
  render(
    <RunChoice subject={{ ...SUBJECT, runs }} search={{ run: 8 }} change={() => undefined} />,
    {
      wrapper: MantineProvider,
    },
  );
  expect(screen.getByDisplayValue("LoRA, r 8, lr 0.01, seed 0")).toBeTruthy();
});
