import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, sentence } from "../../api/client";
import { otherStatus } from "../../api/dependence";
import { changed } from "../../api/live";
import { ask } from "../../ui/asking";
import { doUnlessUndone } from "../../ui/undo";

interface CancelAll {
  /** `count` is how many have not ended, as far as the page knows. */
  cancelAll: (of: string[], count: number) => void;
  cancelling: boolean;
}

/**
 * Cancels all runs of a basket that have not ended: of an experiment, or of one method. One run can
 * be undone for a moment; before several are cancelled it is asked.
 */
export function useCancelAll(): CancelAll {
  const queries = useQueryClient();
  const { mutate, isPending } = api.useMutation("post", "/api/runs/cancel", {
    onSuccess: ({ changed: count }, { params }) => {
      void changed(queries, ...otherStatus(params.query.of));
      notifications.show({ message: `${count} ${count === 1 ? "run" : "runs"} cancelled` });
    },
    onError: (error) => notifications.show({ color: "red", message: sentence(error) }),
  });
  const cancelAll = (of: string[], count: number) => {
    const doing = () => mutate({ params: { query: { of } } });
    if (count <= 1) doUnlessUndone(`cancel ${of.join()}`, "The run will be cancelled", doing);
    else {
      ask({
        title: `Cancel ${count} runs`,
        text: "What they have done so far is lost; they can be run again from the start.",
        act: `Cancel ${count} runs`,
        doing,
      });
    }
  };
  return { cancelAll, cancelling: isPending };
}
