import { Alert, Button, Skeleton } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { type RefObject, useEffect, useRef, useState } from "react";
import { fileName } from "./fileName";
import { loaded, type Plotly, plotly } from "./plotly";

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

type PlotElement = HTMLElement & {
  on?(event: string, handler: (event?: { points: PlotPoint[] }) => void): void;
  removeAllListeners?(event: string): void;
};

/** All that a figure's toolbar offers; the report has the same (`loraone/analysis/report.py`). */
export const BUTTONS = [
  ["toImage"],
  ["zoom2d", "pan2d"],
  ["zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"],
];

// Nothing leaves the machine: plotly would offer to upload a figure to a service of its own.
const CONFIG = {
  displaylogo: false,
  responsive: true,
  modeBarButtons: BUTTONS,
  showSendToCloud: false,
  plotlyServerURL: "",
};

/** What the axes mean: with other quantities, or another scale, a zoom into them means nothing. */
function axesOf(layout: PlotlyFigure["layout"]): string {
  const axes = Object.entries(layout).filter(([key]) => /^[xy]axis\d*$/.test(key));
  return JSON.stringify(
    axes.map(([key, axis]) => {
      const { title, type } = axis as Record<string, unknown>;
      return [key, title, type];
    }),
  );
}

/** The height of a figure whose legend takes a quarter of it at most; a taller one takes its own. */
function heightWith(legend: number, height: number): number {
  return height + Math.max(0, Math.round(legend - height / 4));
}

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

/**
 * Draws a plotly figure; a click on a point comes back. A zoom survives updates of the same figure:
 * one with the same `uirevision`, where it has one, and the same axes.
 */
export function Plot({ figure, height, label, onPoint, onHover, saver }: Props) {
  const node = useRef<PlotElement>(null);
  const [drawn, setDrawn] = useState(false);
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const clicked = useRef(onPoint);
  clicked.current = onPoint;
  const hovered = useRef(onHover);
  hovered.current = onHover;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt draws the same again
  useEffect(() => {
    let gone = false;
    setFailed(false);
    const draw = async (library: Plotly) => {
      const element = node.current;
      if (gone || !element) return;
      const { uirevision, ...rest } = figure.layout;
      const same = `${uirevision} ${axesOf(rest)}`;
      // plotly writes the ranges it finds into what it is given: the answer that is kept stays.
      const drawnAt = (height: number) => {
        const layout = { ...structuredClone(rest), height, autosize: true, uirevision: same };
        return library.react(element, figure.data, layout, CONFIG);
      };
      await drawnAt(height);
      const legend = element.querySelector(".legend .bg")?.getBoundingClientRect().height ?? 0;
      const enough = heightWith(legend, height);
      if (!gone && enough > height) await drawnAt(enough);
      for (const event of ["plotly_click", "plotly_hover", "plotly_unhover"]) {
        element.removeAllListeners?.(event);
      }
      element.on?.("plotly_click", (event) => {
        if (event?.points[0]) clicked.current?.(event.points[0]);
      });
      element.on?.("plotly_hover", (event) => hovered.current?.(event?.points[0]));
      element.on?.("plotly_unhover", () => hovered.current?.(undefined));
      setDrawn(true);
    };
    plotly().then(draw, () => setFailed(!gone));
    return () => {
      gone = true;
    };
  }, [figure, height, attempt]);

  // plotly refuses a picture while it makes another: one comes after the other.
  const saved = useRef<Promise<unknown>>(Promise.resolve());
  useEffect(() => {
    if (!saver) return;
    saver.current = (format) => {
      const picture = { format, filename: fileName(label), scale: 2 };
      const save = async () => {
        const library = await plotly();
        if (node.current) await library.downloadImage(node.current, picture);
      };
      saved.current = saved.current.then(save).catch((error: unknown) => {
        notifications.show({ color: "red", title: "Not saved", message: String(error) });
      });
    };
  }, [saver, label]);

  useEffect(() => {
    const element = node.current;
    return () => {
      if (element) loaded()?.purge(element);
    };
  }, []);

  return (
    <div style={{ position: "relative", minHeight: height }}>
      {failed ? (
        <Alert color="red" title="This figure cannot be drawn">
          What draws it could not be read from the server.{" "}
          <Button size="compact-sm" variant="default" onClick={() => setAttempt(attempt + 1)}>
            Try again
          </Button>
        </Alert>
      ) : (
        !drawn && <Skeleton height={height} style={{ position: "absolute" }} />
      )}
      <figure
        ref={node}
        aria-label={label}
        data-drawn={drawn}
        style={{ width: "100%", margin: 0 }}
      />
    </div>
  );
}
