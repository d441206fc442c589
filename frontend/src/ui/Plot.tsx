import { Skeleton } from "@mantine/core";
import { type RefObject, useEffect, useRef, useState } from "react";
import { fileName } from "./fileName";

/** A figure as the server sends it. */
export interface PlotlyFigure {
  data: object[];
  layout: Record<string, unknown>;
}

export interface PlotPoint {
  x: unknown;
  y: unknown;
  customdata: unknown;
}

interface Plotly {
  react(node: HTMLElement, data: object[], layout: object, config: object): Promise<unknown>;
  purge(node: HTMLElement): void;
  downloadImage(node: HTMLElement, options: object): Promise<string>;
}

type PlotElement = HTMLElement & {
  on?(event: string, handler: (event?: { points: PlotPoint[] }) => void): void;
  removeAllListeners?(event: string): void;
};

let loading: Promise<Plotly> | undefined;

/** plotly.js is half a megabyte: it is loaded when the first figure is shown. */
function plotly(): Promise<Plotly> {
  loading ??= import("plotly.js-cartesian-dist-min").then(
    (module) => (module.default ?? module) as unknown as Plotly,
  );
  return loading;
}

const CONFIG = {
  displaylogo: false,
  responsive: true,
  modeBarButtonsToRemove: ["select2d", "lasso2d"],
};

interface Props {
  figure: PlotlyFigure;
  height: number;
  label: string;
  onPoint?: (point: PlotPoint) => void;
  /** Is given the point under the pointer, and nothing when it leaves. */
  onHover?: (point: PlotPoint | undefined) => void;
  /** Is given a function that saves the figure as it is shown. */
  saver?: RefObject<Save | undefined>;
}

export type Save = (format: "png" | "svg") => void;

/** Draws a plotly figure; zoom survives updates, and a click on a point comes back. */
export function Plot({ figure, height, label, onPoint, onHover, saver }: Props) {
  const node = useRef<PlotElement>(null);
  const [drawn, setDrawn] = useState(false);
  const clicked = useRef(onPoint);
  clicked.current = onPoint;
  const hovered = useRef(onHover);
  hovered.current = onHover;

  useEffect(() => {
    let gone = false;
    void plotly().then(async (library) => {
      const element = node.current;
      if (gone || !element) return;
      const layout = { ...figure.layout, height, autosize: true, uirevision: "same" };
      await library.react(element, figure.data, layout, CONFIG);
      for (const event of ["plotly_click", "plotly_hover", "plotly_unhover"]) {
        element.removeAllListeners?.(event);
      }
      element.on?.("plotly_click", (event) => {
        if (event?.points[0]) clicked.current?.(event.points[0]);
      });
      element.on?.("plotly_hover", (event) => hovered.current?.(event?.points[0]));
      element.on?.("plotly_unhover", () => hovered.current?.(undefined));
      setDrawn(true);
    });
    return () => {
      gone = true;
    };
  }, [figure, height]);

  useEffect(() => {
    if (!saver) return;
    saver.current = (format) =>
      void plotly().then(
        (library) =>
          node.current &&
          library.downloadImage(node.current, { format, filename: fileName(label), scale: 2 }),
      );
  }, [saver, label]);

  useEffect(() => {
    const element = node.current;
    return () => {
      void plotly().then((library) => element && library.purge(element));
    };
  }, []);

  return (
    <div style={{ position: "relative", minHeight: height }}>
      {!drawn && <Skeleton height={height} style={{ position: "absolute" }} />}
      <figure
        ref={node}
        aria-label={label}
        data-drawn={drawn}
        style={{ width: "100%", margin: 0 }}
      />
    </div>
  );
}
