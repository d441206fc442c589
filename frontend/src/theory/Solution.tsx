import { Alert, Button, Code, Progress, Skeleton, Stack, Text } from "@mantine/core";
import { useMemo } from "react";
import { type Problem, sentence } from "../api/client";
import { recordsOf } from "../ui/csv";
import { DataTable } from "../ui/DataTable";
import { FigureBox, FigureFrame } from "../ui/FigureFrame";
import { quantity } from "../ui/format";
import { Outdated } from "../ui/Outdated";
import type { PlotlyFigure } from "../ui/Plot";
import type { Column } from "../ui/table";
import type { TheoryAnswer } from "./solve";
import type { Solved } from "./useSolution";

const FIGURES: Record<string, { label: string; height: number }> = {
  losses: { label: "Losses and predictions", height: 440 },
  sweep: { label: "Steps against what was varied", height: 340 },
  subspaces: { label: "Subspaces over training", height: 380 },
};

/** Figures and predictions of the last answer, kept dimmed while the next one is computed. */
export function Solution({ solved }: { solved: Solved }) {
  const { answer, view, whole, progress, error, outdated, again } = solved;
  const fields = (error as Problem | undefined)?.errors ?? [];
  return (
    <Stack gap="sm">
      {error !== undefined && (
        <Alert color="red" title="Not solved">
          {fields.length > 0
            ? fields.map(({ path, message }) => (
                <Text size="sm" key={path + message}>
                  <Code>{path}</Code> {message}
                </Text>
              ))
            : sentence(error)}
          {again && (
            <Button display="block" mt="xs" size="compact-sm" variant="default" onClick={again}>
              Try again
            </Button>
          )}
        </Alert>
      )}
      <Status
        answer={outdated ? undefined : answer}
        whole={whole && !outdated}
        progress={progress}
        before={answer !== undefined}
        solving={error === undefined && (outdated || !answer)}
      />
      {answer ? (
        <Outdated when={outdated}>
          <Stack gap="sm">
            {Object.entries(FIGURES).map(
              ([name, { label, height }]) =>
                answer.figures[name] && (
                  <TheoryFigure
                    key={name}
                    name={name}
                    label={label}
                    height={height}
                    answer={answer}
                    view={view}
                  />
                ),
            )}
            <Predictions rows={answer.predictions} />
          </Stack>
        </Outdated>
      ) : (
        error === undefined && <Skeleton height={440} />
      )}
    </Stack>
  );
}

interface StatusProps extends Pick<Solved, "answer" | "whole" | "progress"> {
  solving: boolean;
  /** Whether what was solved before is shown. */
  before: boolean;
}

function Status({ answer, whole, progress, solving, before }: StatusProps) {
  const share = progress && progress.total > 0 ? (100 * progress.done) / progress.total : 0;
  return (
    <div aria-live="polite" style={{ minHeight: 26 }}>
      {answer && (
        <Text size="sm" c="dimmed" data-whole={whole}>
          {answer.runs} {answer.runs === 1 ? "run" : "runs"}, {answer.seeds}{" "}
          {answer.seeds === 1 ? "seed" : "seeds"}, solved in {quantity(answer.seconds)} s
          {whole ? "" : "; the other seeds are on their way"}
        </Text>
      )}
      {solving && (
        <Text size="sm" c="dimmed">
          {before ? "Solving; until then what was solved before is shown." : "Solving …"}
        </Text>
      )}
      {!whole && progress && <Progress value={share} size="xs" aria-label="Runs solved" />}
    </div>
  );
}

interface FigureProps {
  name: string;
  label: string;
  height: number;
  answer: TheoryAnswer;
  view: string;
}

function TheoryFigure({ name, label, height, answer, view }: FigureProps) {
  const text = answer.figures[name] ?? "{}";
  // The same one until there is another: what is given anew is drawn anew.
  const figure = useMemo(() => {
    const { data, layout } = JSON.parse(text) as PlotlyFigure;
    return { data, layout: { ...layout, uirevision: view } };
  }, [text, view]);
  const table = answer.tables[name] ?? "";
  const csv = `data:text/csv;charset=utf-8,${encodeURIComponent(table)}`;
  return (
    <FigureBox>
      <FigureFrame
        figure={figure}
        height={height + 20 * legendLines(figure)}
        label={label}
        files={[{ label: "CSV", href: csv, name: `theory-${name}.csv` }]}
        records={{ key: table, read: async () => recordsOf(table) }}
      />
    </FigureBox>
  );
}

/** Lines of the legend beyond the first two, at worst a line for each series. */
function legendLines(figure: PlotlyFigure): number {
  const shown = figure.data.filter((trace) => !("showlegend" in trace && !trace.showlegend));
  return Math.max(0, shown.length - 2);
}

type Row = TheoryAnswer["predictions"][number];

const COLUMNS: Column<Row>[] = [
  { id: "series", header: "Series", value: (row) => row.series },
  {
    id: "label",
    header: "What",
    value: (row) => row.label,
    cell: (row) => (
      <>
        <Text size="sm">{row.label}</Text>
        <Text size="xs" c="dimmed">
          {row.formula} · {row.source}
        </Text>
      </>
    ),
  },
  number("predicted", "Predicted"),
  number("measured", "Measured"),
  number("ratio", "Measured / predicted"),
];

function number(name: "predicted" | "measured" | "ratio", header: string): Column<Row> {
  return {
    id: name,
    header,
    numeric: true,
    value: (row) => row[name] ?? undefined,
    cell: (row) => {
      const value = row[name];
      return value === null || value === undefined ? "–" : quantity(value);
    },
  };
}

/** The table of predictions; what the theory says nothing of is listed with the reason. */
function Predictions({ rows }: { rows: Row[] }) {
  const predicted = rows.filter((row) => row.predicted !== null && row.predicted !== undefined);
  const reasons = new Map<string, Set<string>>();
  for (const row of rows.filter(({ silent }) => silent !== "")) {
    reasons.set(row.silent, (reasons.get(row.silent) ?? new Set()).add(row.label));
  }
  return (
    <Stack gap="xs">
      {predicted.length > 0 && (
        <DataTable rows={predicted} columns={COLUMNS} caption="Predictions" minWidth={760} />
      )}
      {[...reasons].map(([why, labels]) => (
        <Text size="sm" c="dimmed" key={why}>
          No prediction of {[...labels].map((label) => lower(label)).join(", ")}: {why}.
        </Text>
      ))}
    </Stack>
  );
}

function lower(text: string): string {
  // Names such as LoRA-One keep their capitals.
  return /^[A-Z][a-z]/.test(text) && !/^Lo?RA/.test(text)
    ? text.charAt(0).toLowerCase() + text.slice(1)
    : text;
}
