import { MantineProvider } from "@mantine/core";
import { cleanup, render, waitFor } from "@testing-library/react";
import { createRef } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Plot, type Save } from "./Plot";

// plotly needs a canvas, which jsdom does not have; what it is given is what these tests are about.
const drawn = vi.hoisted(() => ({
  heights: [] as number[],
  legend: 0,
  saved: [] as string[],
  busy: false,
}));
vi.mock("./plotly", () => ({
  plotly: async () => ({
    react: async (node: HTMLElement, _: object[], { height }: { height: number }) => {
      drawn.heights.push(height);
      node.innerHTML = '<svg><g class="legend"><rect class="bg" /></g></svg>';
      const box = node.querySelector(".bg") as Element;
      box.getBoundingClientRect = () => ({ height: drawn.legend }) as DOMRect;
    },
    downloadImage: async (_: HTMLElement, { format }: { format: string }) => {
      if (drawn.busy) throw new Error("Image capture already in progress.");
      drawn.busy = true;
      await new Promise((done) => setTimeout(done, 5));
      drawn.busy = false;
      drawn.saved.push(format);
    },
  }),
  loaded: () => undefined,
}));

beforeEach(() => {
  drawn.heights = [];
});
afterEach(cleanup);

async function heights(legend: number): Promise<number[]> {
  drawn.legend = legend;
  const { container } = render(
    <Plot figure={{ data: [], layout: {} }} height={420} label="Curves" />,
    { wrapper: MantineProvider },
  );
  await waitFor(() => expect(container.querySelector("[data-drawn=true]")).toBeTruthy());
  return drawn.heights;
}

test("a legend of a few names stands within the figure's height", async () => {
  expect(await heights(38)).toEqual([420]);
});

test("a legend of many names makes the figure taller, not its plot smaller", async () => {
  const [first, then] = await heights(230);
  expect(first).toBe(420);
  expect((then ?? 0) - 230).toBe(420 - 105);
});

test("pictures that are asked for at once are saved one after the other", async () => {
  const saver = createRef<Save | undefined>() as React.RefObject<Save | undefined>;
  render(<Plot figure={{ data: [], layout: {} }} height={420} label="Curves" saver={saver} />, {
    wrapper: MantineProvider,
  });
  for (const format of ["png", "svg", "png"] as const) saver.current?.(format);
  await waitFor(() => expect(drawn.saved).toEqual(["png", "svg", "png"]));
});
