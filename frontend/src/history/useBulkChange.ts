import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";
import { changed } from "../api/live";

type Change = Schemas["BulkChange"];

/** Changes several experiments at once; `done` is told what was changed, whatever came since. */
export function useBulkChange(done: (change: Change) => void): (change: Change) => void {
  const queries = useQueryClient();
  const { mutate } = api.useMutation("post", "/api/experiments/bulk", {
    onSuccess: ({ changed: count }, { body }) => {
      const since = body.ids.map((id) => ({ kind: "experiment", experiment: id, run: 0 }) as const);
      void changed(queries, ...since);
      notifications.show({
        message: `${count} ${count === 1 ? "experiment" : "experiments"} changed`,
      });
      done(body);
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not changed", message: sentence(error) }),
  });
  return (body) => mutate({ body });
}
