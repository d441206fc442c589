/** Comments of an experiment, who may be mentioned in one, and how they are written and changed. */

import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas } from "../../api/client";
import { changed } from "../../api/live";

export type Comment = Schemas["CommentOut"];
export type Commenters = Schemas["CommentersOut"];

export function useComments(experiment: number, enabled = true) {
  return api.useQuery(
    "get",
    "/api/experiments/{experiment_id}/comments",
    { params: { path: { experiment_id: experiment } } },
    { enabled },
  );
}

export function useCommenters(experiment: number) {
  return api.useQuery("get", "/api/experiments/{experiment_id}/commenters", {
    params: { path: { experiment_id: experiment } },
  });
}

/** What a comment is about, beside the experiment. */
export type About = Pick<Schemas["CommentIn"], "run" | "view" | "figure">;

/** Writes, edits and deletes; each is over when the comments were read anew. */
export function useCommentChanges(experiment: number) {
  const queries = useQueryClient();
  const options = {
    onSuccess: () => changed(queries, { kind: "comments", experiment, run: 0 }),
  };
  return {
    write: api.useMutation("post", "/api/experiments/{experiment_id}/comments", options),
    edit: api.useMutation("patch", "/api/comments/{comment_id}", options),
    remove: api.useMutation("delete", "/api/comments/{comment_id}", options),
  };
}
