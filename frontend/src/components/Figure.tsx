import { Alert, Paper, Skeleton, useComputedColorScheme } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { sentence } from "../api/client";
import { Plot, type PlotlyFigure, type PlotPoint, type Save } from "./Plot";
import { SaveLinks } from "./SaveLinks";

export type FigureParams = Record<
  string,
  string | number | boolean | string[] | number[] | undefined
>;

interface Props {
  experiment: number;
  name: string;
  label: string;
  params?: FigureParams;
  height?: number;
  onPoint?: (point: PlotPoint) => void;
}

/** The URL of a figure; lists repeat their name, what is undefined is left out. */
export function figureUrl(experiment: number, name: string, params: FigureParams): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) query.append(key, String(item));
  }
  return `/api/experiments/${experiment}/figures/${name}?${query}`;
}

/** A figure drawn by the server, kept on screen while its next version loads, with its CSV. */
export function Figure({ experiment, name, label, params = {}, height = 420, onPoint }: Props) {
  const theme = useComputedColorScheme("light");
  const saver = useRef<Save | undefined>(undefined);
  const url = figureUrl(experiment, name, { ...params, theme });
  const { data, error } = useQuery({
    queryKey: ["figure", url],
    queryFn: async ({ signal }) => {
      const response = await fetch(url, { signal });
      const body: unknown = await response.json();
      if (!response.ok) throw body;
      return body as PlotlyFigure;
    },
    placeholderData: keepPreviousData,
  });
  return (
    <Paper withBorder p="xs">
      {error ? (
        <Alert color="red" title="This figure cannot be drawn">
          {sentence(error)}
        </Alert>
      ) : data ? (
        <Plot figure={data} height={height} label={label} onPoint={onPoint} saver={saver} />
      ) : (
        <Skeleton height={height} />
      )}
      <SaveLinks csv={figureUrl(experiment, name, { ...params, format: "csv" })} saver={saver} />
    </Paper>
  );
}
