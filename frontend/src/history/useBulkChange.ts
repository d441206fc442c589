import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";

/** Changes several experiments at once. */
export function useBulkChange(
  done: () => void,
): (change: Schemas["BulkChange"], changed?: () => void) => void {
  const queries = useQueryClient();
  const { mutate } = api.useMutation("post", "/api/experiments/bulk", {
    onSuccess: ({ changed }) => {
      void queries.invalidateQueries();
      notifications.show({
        message: `${changed} ${changed === 1 ? "experiment" : "experiments"} changed`,
      });
      done();
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not changed", message: sentence(error) }),
  });
  return (body, changed) => mutate({ body }, { onSuccess: changed });
}
