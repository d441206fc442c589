import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";
import { changed } from "../api/live";

/** Changes several experiments at once. */
export function useBulkChange(
  done: () => void,
): (change: Schemas["BulkChange"], changed?: () => void) => void {
  const queries = useQueryClient();
  const { mutate } = api.useMutation("post", "/api/experiments/bulk", {
    onSuccess: ({ changed: count }, { body: { ids } }) => {
      const since = ids.map((id) => ({ kind: "experiment", experiment: id, run: 0 }) as const);
      void changed(queries, ...since);
      notifications.show({
        message: `${count} ${count === 1 ? "experiment" : "experiments"} changed`,
      });
      done();
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not changed", message: sentence(error) }),
  });
  return (body, changed) => mutate({ body }, { onSuccess: changed });
}
