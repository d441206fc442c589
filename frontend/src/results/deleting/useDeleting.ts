import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, client, type Schemas, sentence } from "../../api/client";
import { changed } from "../../api/live";
import { offerUndo } from "../../ui/undo";
import { emptied } from "./emptied";
import { count } from "./words";

type Deleted = Schemas["DeletedOut"];
type What = "runs" | "adapters";

interface Deleting {
  experiment: (id: number, name: string) => Promise<boolean>;
  experiments: (ids: number[]) => Promise<boolean>;
  /** All adapters of experiments, whose numbers stay. */
  adapters: (ids: number[]) => Promise<boolean>;
  /** The same, past the bin: nobody brings them back. */
  adaptersNow: (ids: number[]) => Promise<boolean>;
  /** Runs of a basket, or their adapters alone. */
  runs: (of: string[], what: What, experiments: number[]) => Promise<boolean>;
  restore: (deletions: number[]) => void;
}

/** Deletes into the bin, and offers to bring it back; what is refused is said. */
export function useDeleting(): Deleting {
  const queries = useQueryClient();
  const outdated = (ids: number[]) =>
    changed(
      queries,
      ...ids.flatMap((experiment) =>
        (["experiment", "status"] as const).map((kind) => ({ kind, experiment, run: 0 })),
      ),
    );
  const { mutate: restore } = api.useMutation("post", "/api/bin/restore", {
    onSuccess: ({ experiments }) => {
      void outdated(experiments);
      notifications.show({ message: "Restored" });
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not restored", message: sentence(error) }),
  });
  const bringBack = (deletions: number[]) => restore({ body: { deletions } });
  const done = (
    answer: { data?: Deleted; error?: unknown },
    ids: number[],
    said: (deleted: Deleted) => string,
  ): boolean => {
    const { data, error } = answer;
    if (error || !data) {
      notifications.show({ color: "red", title: "Not deleted", message: sentence(error) });
      return false;
    }
    void outdated(ids);
    offerUndo(said(data), () => bringBack(data.deletions));
    return true;
  };
  return {
    experiment: async (id, name) => {
      const path = { experiment_id: id };
      const answer = await client.DELETE("/api/experiments/{experiment_id}", { params: { path } });
      return done(answer, [id], () => `${name} is in the bin`);
    },
    experiments: async (ids) => {
      const answer = await client.POST("/api/experiments/bulk-delete", { body: { ids } });
      return done(answer, ids, (deleted) => inBin(count(deleted.experiments, "experiment")));
    },
    adapters: async (ids) => {
      const answer = await client.POST("/api/storage/free", { body: { ids, now: false } });
      return done(answer, ids, (deleted) => inBin(count(deleted.runs, "adapter")));
    },
    adaptersNow: async (ids) => {
      const answer = await client.POST("/api/storage/free", { body: { ids, now: true } });
      const freed = answer.data?.emptied;
      if (!freed) {
        const message = sentence(answer.error);
        notifications.show({ color: "red", title: "Nothing was freed", message });
        return false;
      }
      void outdated(ids);
      notifications.show(emptied(freed));
      return true;
    },
    runs: async (of, what, experiments) => {
      const params = { query: { of, what } };
      const answer = await client.POST("/api/runs/delete", { params });
      const noun = what === "runs" ? "run" : "adapter";
      return done(answer, experiments, (deleted) => inBin(count(deleted.runs, noun)));
    },
    restore: bringBack,
  };
}

function inBin(what: string): string {
  return `${what} ${what.startsWith("1 ") ? "is" : "are"} in the bin`;
}
