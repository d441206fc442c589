import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";
import { changed } from "../api/live";

/** Changes one experiment; what is shown of it is read anew. */
export function useExperimentChange(id: number): (change: Schemas["ExperimentChange"]) => void {
  const queries = useQueryClient();
  const { mutate } = api.useMutation("patch", "/api/experiments/{experiment_id}", {
    onSuccess: () => void changed(queries, { kind: "experiment", experiment: id, run: 0 }),
    onError: (error) =>
      notifications.show({ color: "red", title: "Not changed", message: sentence(error) }),
  });
  return (change) => mutate({ params: { path: { experiment_id: id } }, body: change });
}
