import { Skeleton, useComputedColorScheme } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { address } from "../api/address";
import { mayPass, read } from "../api/answer";
import type { paths } from "../api/schema";
import { FigureBox, FigureFrame } from "./FigureFrame";
import { Outdated } from "./Outdated";
import type { PlotlyFigure, PlotPoint } from "./Plot";
import type { Records } from "./table";
import { Unanswered } from "./Unanswered";

type FigureParams = Record<string, string | number | boolean | string[] | number[] | undefined>;

/** The figures that the server has a route for. */
export type FigureName = keyof paths extends infer Path
  ? Path extends `/api/figures/${infer Name}`
    ? Name
    : never
  : never;

interface Props {
  /** What it shows: the items of a basket. */
  of: string[];
  name: FigureName;
  label: string;
  params?: FigureParams;
  height?: number;
  onPoint?: (point: PlotPoint) => void;
  onHover?: (point: PlotPoint | undefined) => void;
}

/** The path of a figure on the server; lists repeat their name, what is undefined is left out. */
export function figureUrl(of: string[], name: string, params: FigureParams): string {
  const query = new URLSearchParams(of.map((item) => ["of", item]));
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) query.append(key, String(item));
  }
  return `/api/figures/${name}?${query}`;
}

/** What changes a figure without changing what its axes show: colours, which series, an outline. */
const SAME_AXES: Partial<Record<FigureName, string[]>> = {
  heatmap: ["layer"],
  curves: ["smoothing"],
};

/** Names the view that a zoom belongs to: the next version of it keeps the zoom, another has none. */
export function viewOf(of: string[], name: FigureName, params: FigureParams): string {
  const others = Object.entries(params).filter(
    ([key]) => key !== "labels" && !SAME_AXES[name]?.includes(key),
  );
  return figureUrl(of, name, Object.fromEntries(others));
}

/** A figure drawn by the server, kept dimmed while its next version loads, with its data. */
export function Figure({ of, name, label, params = {}, height = 420, onPoint, onHover }: Props) {
  const theme = useComputedColorScheme("light");
  const url = figureUrl(of, name, { ...params, theme });
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["figure", url],
    queryFn: async ({ signal }) => {
      const { data, layout } = await read<PlotlyFigure>(url, signal);
      return { data, layout: { ...layout, uirevision: viewOf(of, name, params) } };
    },
    placeholderData: keepPreviousData,
  });
  const dataAs = (format: string) => figureUrl(of, name, { ...params, format });
  const records = dataAs("records");
  return (
    <FigureBox>
      {error && !(data && mayPass(error)) ? (
        <Unanswered error={error} title="This figure cannot be drawn" />
      ) : data ? (
        <Outdated when={isPlaceholderData}>
          <FigureFrame
            figure={data}
            height={height}
            label={label}
            onPoint={onPoint}
            onHover={onHover}
            files={[
              { label: "CSV", href: address(dataAs("csv")) },
              { label: "Parquet", href: address(dataAs("parquet")) },
            ]}
            records={{ key: records, read: () => read<Records>(records) }}
          />
        </Outdated>
      ) : (
        <Skeleton height={height} />
      )}
    </FigureBox>
  );
}
