import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen, within } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import type { Schemas } from "../api/client";
import { PlanPanel } from "./PlanPanel";

afterEach(cleanup);

const run = (label: string, problem: string | null): Schemas["PlannedRun"] => ({
  title: `${label} r=16`,
  label,
  method: label,
  rank: 16,
  learning_rate: 0.001,
  seed: 0,
  problem,
});

const COST: Schemas["CostOut"] = {
  seconds: 360,
  memory_bytes: 1e9,
  device: "CPU",
  device_memory_bytes: 2e10,
  lanes: 1,
  too_large: [],
  basis: "",
  waiting: false,
  prices: [],
};

function panel(
  runs: Schemas["PlannedRun"][],
  problems: Schemas["FieldProblem"][] = [],
  outdated = false,
  quotas: Schemas["QuotaOut"][] = [],
  cost: Schemas["CostOut"] | null = null,
  notes: string[] = [],
) {
  const plan = {
    runs,
    notes,
    gradients: 1,
    cost,
    quotas,
    yaml: "",
    command: "",
    python: "",
    peft: {},
  };
  render(
    <PlanPanel
      plan={problems.length > 0 ? undefined : plan}
      outdated={outdated}
      problems={problems}
      failure={undefined}
      launching={false}
      launch={() => {}}
      hidden={false}
      hide={() => {}}
    />,
    { wrapper: ({ children }) => <MantineProvider env="test">{children}</MantineProvider> },
  );
}

const launch = () => screen.getByRole<HTMLButtonElement>("button", { name: "Launch" });

test("runs that will fail are marked, counted, and do not keep the others from being launched", () => {
  const reason = "rank 16 is above min(m, n)/2 = 8";
  panel([run("LoRA", null), run("LoRA-GA", reason), run("LoRA-SB", reason)]);
  const alert = screen.getByRole("alert", { name: "2 of 3 runs will fail" });
  expect(within(alert).getByText(`LoRA-GA, LoRA-SB: ${reason}`)).toBeTruthy();
  const marks = screen.getAllByTitle(reason);
  expect(marks.map((mark) => mark.textContent)).toEqual([" · will fail", " · will fail"]);
  expect(launch().disabled).toBe(false);
});

test("what the time is spent on is said with the switch that saves it", () => {
  const prices = [
    { label: "Training", field: "", switch: "", seconds: 300, gradients: 10 },
    {
      label: "Spectra of gradients",
      field: "measure.spectra",
      switch: "Spectra",
      seconds: 60,
      gradients: 2,
    },
  ];
  panel([run("LoRA", null)], [], false, [], { ...COST, prices });
  const rows = within(screen.getByRole("table", { name: "What it is spent on" })).getAllByRole(
    "row",
  );
  expect(rows.map((row) => row.textContent)).toEqual([
    "Spent onabout× gradient",
    "Training5 min10",
    "Spectra of gradients · Spectra1 min2",
  ]);
});

test("a plan of runs that can be has no warning", () => {
  panel([run("LoRA", null)]);
  expect(screen.queryByText(/will fail/i)).toBeNull();
});

test("what of the model is not adapted is said beside the plan, and can be launched", () => {
  panel([run("LoRA", null)], [], false, [], null, ["the experts hold 57% of this model's weights"]);
  const alert = screen.getByRole("alert", { name: "Not adapted" });
  expect(within(alert).getByText("the experts hold 57% of this model's weights")).toBeTruthy();
  expect(launch().disabled).toBe(false);
});

test("a target layer that the model lacks is named, and nothing can be launched", () => {
  const message = "no linear layer of tiny is named 'q_proj'; it has: key, query, value";
  const at = { path: "model.targets", message, value: "q_proj", allowed: "key", hint: null };
  panel([], [at]);
  expect(screen.getByText("model.targets")).toBeTruthy();
  expect(screen.getByText(message, { exact: false })).toBeTruthy();
  expect(launch().disabled).toBe(true);
});

test("while the plan of a change is on its way nothing is launched, and the old plan is dimmed", () => {
  panel([run("LoRA", null)], [], true);
  expect(launch().disabled).toBe(true);
  const busy = screen.getByText("1 run").closest("[aria-busy=true]");
  expect(busy?.hasAttribute("inert")).toBe(true);
  cleanup();
  panel([run("LoRA", null)]);
  expect(launch().disabled).toBe(false);
  expect(screen.getByText("1 run").closest("[aria-busy=true]")).toBeNull();
});

const quota = (
  name: Schemas["QuotaOut"]["name"],
  used: number,
  asked: number,
  allowed: number | null,
  beyond: Schemas["QuotaOut"]["beyond"],
): Schemas["QuotaOut"] => ({ name, used, asked, allowed, own: false, beyond });

test("a plan says what is used of each quota, and nothing where there is none", () => {
  panel([run("LoRA", null)], [], false, [
    quota("runs", 12, 1, 100, null),
    quota("disk_gb", 3.1234, 0, 10, null),
    quota("lane_hours", 4, 0.5, 20, null),
  ]);
  const said = "You use 12 of 100 queued runs, 3.12 of 10 GB, about 4 of 20 lane hours this week.";
  expect(screen.getByText(said)).toBeTruthy();
  expect(launch().disabled).toBe(false);
  cleanup();
  panel([run("LoRA", null)], [], false, [quota("runs", 12, 1, null, null)]);
  expect(screen.queryByText(/You use/)).toBeNull();
});

test("what would be refused cannot be launched; what would wait can", () => {
  panel([run("LoRA", null)], [], false, [quota("runs", 12, 1, 12, "refused")]);
  expect(screen.getByText(/With this launch 13 of 12 queued runs/)).toBeTruthy();
  expect(launch().disabled).toBe(true);
  cleanup();
  panel([run("LoRA", null)], [], false, [quota("lane_hours", 20, 1, 20, "waits")]);
  expect(screen.getByText(/about 21 of 20 lane hours this week/)).toBeTruthy();
  expect(launch().disabled).toBe(false);
});
