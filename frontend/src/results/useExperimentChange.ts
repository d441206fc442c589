import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";
import { changed } from "../api/live";

type Change = Schemas["ExperimentChange"];

interface Changing {
  change: (change: Change) => void;
  /** What is asked for, while the server has not answered and what is shown is not read anew. */
  asked: Change;
}

/** Changes one experiment, one change after the other; `refused` is told what was not changed. */
export function useExperimentChange(id: number, refused?: (change: Change) => void): Changing {
  const queries = useQueryClient();
  const { mutate, isPending, variables } = api.useMutation(
    "patch",
    "/api/experiments/{experiment_id}",
    {
      scope: { id: `experiment ${id}` },
      onSuccess: () => changed(queries, { kind: "experiment", experiment: id, run: 0 }),
      onError: (error, { body }) => {
        notifications.show({ color: "red", title: "Not changed", message: sentence(error) });
        refused?.(body);
      },
    },
  );
  const change = (body: Change) => mutate({ params: { path: { experiment_id: id } }, body });
  return { change, asked: isPending ? variables.body : {} };
}
