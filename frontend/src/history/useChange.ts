import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Experiment, type Schemas, sentence } from "../api/client";

function failed(error: unknown) {
  notifications.show({ color: "red", title: "Not changed", message: sentence(error) });
}

/** Changes one experiment; what is shown of it is read anew. */
export function useChange(id: number): (change: Schemas["ExperimentChange"]) => void {
  const queries = useQueryClient();
  const { mutate } = api.useMutation("patch", "/api/experiments/{experiment_id}", {
    onSuccess: () => void queries.invalidateQueries(),
    onError: failed,
  });
  return (change) => mutate({ params: { path: { experiment_id: id } }, body: change });
}

export function useStar(experiment: Pick<Experiment, "id" | "starred">): () => void {
  const change = useChange(experiment.id);
  return () => change({ starred: !experiment.starred });
}

/** Changes several experiments at once. */
export function useBulk(done: () => void): (change: Schemas["BulkChange"]) => void {
  const queries = useQueryClient();
  const { mutate } = api.useMutation("post", "/api/experiments/bulk", {
    onSuccess: ({ changed }) => {
      void queries.invalidateQueries();
      notifications.show({
        message: `${changed} ${changed === 1 ? "experiment" : "experiments"} changed`,
      });
      done();
    },
    onError: failed,
  });
  return (body) => mutate({ body });
}
