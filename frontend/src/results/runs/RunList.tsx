import type { Run, Schemas } from "../../api/client";
import { DataTable } from "../../ui/DataTable";
import { duration, quantity, rate } from "../../ui/format";
import type { Column } from "../../ui/table";
import type { Subject } from "../subject";
import { RunActions } from "./RunActions";
import { RunStatus } from "./RunStatus";
import { SharedNotes, sharedNotes } from "./SharedNotes";

interface Props {
  subject: Subject;
  metric: Schemas["QuantityOut"] | undefined;
}

/** The runs as they go: where each stands, what came out, what can be done with it. */
export function RunList({ subject, metric }: Props) {
  const result = (run: Run) => run.summary?.[metric?.name ?? ""] ?? undefined;
  const shared = sharedNotes(subject.runs);
  const columns: Column<Run>[] = [
    { id: "id", header: "Run", numeric: true, value: (run) => run.id },
    { id: "label", header: "Method", value: (run) => run.label },
    {
      id: "rank",
      header: "Rank",
      numeric: true,
      value: (run) => run.rank ?? undefined,
      cell: (run) => run.rank ?? "–",
    },
    {
      id: "rate",
      header: "Learning rate",
      numeric: true,
      value: (run) => run.learning_rate,
      cell: (run) => rate(run.learning_rate),
    },
    { id: "seed", header: "Seed", numeric: true, value: (run) => run.seed },
    {
      id: "status",
      header: "Status",
      value: (run) => run.status,
      cell: (run) => <RunStatus run={run} shared={shared.get(run.experiment_id)} />,
    },
    {
      id: "metric",
      header: metric?.label ?? "",
      numeric: true,
      value: result,
      cell: (run) => {
        const value = result(run);
        return value === undefined ? "–" : quantity(value);
      },
    },
    {
      id: "time",
      header: "Took",
      numeric: true,
      value: (run) => run.finished_at ?? undefined,
      cell: (run) => duration(run.started_at, run.finished_at),
    },
    { id: "actions", header: "", value: () => undefined, cell: (run) => <RunActions run={run} /> },
  ];
  return (
    <>
      <SharedNotes shared={shared} />
      <DataTable rows={subject.runs} columns={columns} caption="Runs" minWidth={860} />
    </>
  );
}
