import { Skeleton, Stack, Text } from "@mantine/core";
import { useDraftText } from "../../ui/draft";
import { Unanswered } from "../../ui/Unanswered";
import { CommentCard } from "./CommentCard";
import { CommentEditor } from "./CommentEditor";
import {
  type About,
  type Comment,
  useCommentChanges,
  useCommenters,
  useComments,
} from "./useComments";

interface Props {
  experiment: number;
  /** What a new comment is about, and which of the others are shown. */
  about: About;
  shown?: (comment: Comment) => boolean;
  /** Said where there are none. */
  none: string;
}

/** Comments in the order they were written, and a field for the next one. */
export function Conversation({ experiment, about, shown, none }: Props) {
  const { data, error } = useComments(experiment);
  const { data: who } = useCommenters(experiment);
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={120} />;
  const comments = shown ? data.comments.filter(shown) : data.comments;
  const earlier = data.total - data.comments.length;
  return (
    <Stack gap="sm" maw={820}>
      {earlier > 0 && (
        <Text size="sm" c="dimmed">
          {earlier} earlier comments are in the export of the experiment.
        </Text>
      )}
      {comments.map((comment) => (
        <CommentCard
          key={comment.id}
          experiment={experiment}
          comment={comment}
          who={who}
          bare={shown !== undefined}
        />
      ))}
      {comments.length === 0 && <Text c="dimmed">{none}</Text>}
      {who?.writes && <NewComment experiment={experiment} about={about} people={who.people} />}
    </Stack>
  );
}

interface NewProps {
  experiment: number;
  about: About;
  people: { id: number; name: string }[];
}

function NewComment({ experiment, about, people }: NewProps) {
  const place = about.run ?? about.figure ?? "";
  const [text, type, sent] = useDraftText(`comment on ${experiment} ${place}`);
  const { write } = useCommentChanges(experiment);
  const params = { path: { experiment_id: experiment } };
  return (
    <CommentEditor
      label="A new comment"
      text={text}
      type={type}
      people={people}
      verb="Comment"
      sending={write.isPending}
      error={write.error}
      send={() =>
        text.trim() !== "" &&
        !write.isPending &&
        write.mutate({ params, body: { text, ...about } }, { onSuccess: () => sent(text) })
      }
    />
  );
}
