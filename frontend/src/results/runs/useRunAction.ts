import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { client, sentence } from "../../api/client";
import { changed } from "../../api/live";
import { doUnlessUndone } from "../../ui/undo";

/** Cancel, retry or move a run; what the server refuses is said in a toast. What a run has done so
 * far is lost when it is cancelled: that waits a moment in which it can be undone. */
export function useRunAction(verb: "cancel" | "retry" | "top"): (run: number) => void {
  const queries = useQueryClient();
  const act = async (run: number) => {
    const options = { params: { path: { run_id: run } } };
    const { data, error } =
      verb === "cancel"
        ? await client.POST("/api/runs/{run_id}/cancel", options)
        : verb === "retry"
          ? await client.POST("/api/runs/{run_id}/retry", options)
          : await client.POST("/api/runs/{run_id}/top", options);
    if (error) notifications.show({ color: "red", message: sentence(error) });
    if (data) {
      await changed(queries, { kind: "status", experiment: data.experiment_id, run });
    }
  };
  if (verb !== "cancel") return act;
  return (run) =>
    doUnlessUndone(`cancel run ${run}`, `Run ${run} will be cancelled`, () => void act(run));
}
