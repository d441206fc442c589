import type { Run } from "../../api/client";
import { CommentButton } from "./CommentButton";
import { useCommented, useSomeComments } from "./Commenting";

/** What was said about a run, where its experiment is what is looked at. */
export function RunComments({ run }: { run: Run }) {
  const experiment = useCommented();
  const some = useSomeComments();
  if (experiment !== run.experiment_id) return null;
  return <CommentButton experiment={experiment} run={run.id} name={`run ${run.id}`} some={some} />;
}
