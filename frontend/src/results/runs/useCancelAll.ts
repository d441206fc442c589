import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, sentence } from "../../api/client";
import { otherStatus } from "../../api/dependence";
import { changed } from "../../api/live";

/** Cancels all runs of a basket that have not ended: of an experiment, or of one method. */
export function useCancelAll(): { cancelAll: (of: string[]) => void; cancelling: boolean } {
  const queries = useQueryClient();
  const { mutate, isPending } = api.useMutation("post", "/api/runs/cancel", {
    onSuccess: ({ changed: count }, { params }) => {
      void changed(queries, ...otherStatus(params.query.of));
      notifications.show({ message: `${count} ${count === 1 ? "run" : "runs"} cancelled` });
    },
    onError: (error) => notifications.show({ color: "red", message: sentence(error) }),
  });
  return { cancelAll: (of) => mutate({ params: { query: { of } } }), cancelling: isPending };
}
