import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { client, sentence } from "../../api/client";

/** Cancel, retry or move a run; what the server refuses is said in a toast. */
export function useRunAction(verb: "cancel" | "retry" | "top"): (run: number) => void {
  const queries = useQueryClient();
  return async (run) => {
    const options = { params: { path: { run_id: run } } };
    const { error } =
      verb === "cancel"
        ? await client.POST("/api/runs/{run_id}/cancel", options)
        : verb === "retry"
          ? await client.POST("/api/runs/{run_id}/retry", options)
          : await client.POST("/api/runs/{run_id}/top", options);
    if (error) notifications.show({ color: "red", message: sentence(error) });
    await queries.invalidateQueries();
  };
}
