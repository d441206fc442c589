import { Conversation } from "./Conversation";

/** Everything that was said about an experiment, its runs and its figures. */
export function CommentsTab({ experiment }: { experiment: number }) {
  return (
    <Conversation
      experiment={experiment}
      about={{}}
      none="Nobody has said anything yet. Figures and runs have their own button for it."
    />
  );
}
