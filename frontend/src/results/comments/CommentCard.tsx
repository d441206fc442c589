import { ActionIcon, Anchor, Avatar, Group, Paper, Stack, Text } from "@mantine/core";
import { IconPencil, IconTrash } from "@tabler/icons-react";
import { useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { sentence } from "../../api/client";
import { ago } from "../../ui/format";
import { Written } from "../../ui/Written";
import { CommentEditor } from "./CommentEditor";
import { type Comment, type Commenters, useCommentChanges } from "./useComments";

interface Props {
  experiment: number;
  comment: Comment;
  /** Unknown while they are read. */
  who: Commenters | undefined;
  /** Without a word on what it is about, where all are about the same. */
  bare?: boolean;
}

/** What somebody said, when and about what; its author can change it. */
export function CommentCard({ experiment, comment, who, bare = false }: Props) {
  const [text, setText] = useState<string>();
  const [sure, setSure] = useState(false);
  const { edit, remove } = useCommentChanges(experiment);
  const mine = who?.writes && comment.person !== null && comment.person === who.person;
  const params = { path: { comment_id: comment.id } };
  if (text !== undefined) {
    return (
      <Paper withBorder p="sm">
        <CommentEditor
          label="Your comment"
          text={text}
          type={setText}
          people={who?.people ?? []}
          verb="Save"
          sending={edit.isPending}
          error={edit.error}
          cancel={() => setText(undefined)}
          send={() =>
            edit.mutate({ params, body: { text } }, { onSuccess: () => setText(undefined) })
          }
        />
      </Paper>
    );
  }
  return (
    <Paper withBorder p="sm" component="article" aria-label={`Comment by ${comment.author}`}>
      <Stack gap={6}>
        <Group gap="xs" wrap="nowrap" align="flex-start">
          <Avatar size={24} name={comment.author} color="initials" aria-hidden />
          <Text size="sm" flex={1} miw={0} style={{ overflowWrap: "anywhere" }}>
            <b>{comment.author}</b>{" "}
            <Text span size="sm" c="dimmed">
              {ago(comment.created_at)}
              {comment.edited_at && `, edited ${ago(comment.edited_at)}`}
              {!bare && <About comment={comment} />}
            </Text>
          </Text>
          {mine && (
            <ActionIcon
              size="sm"
              variant="subtle"
              color="gray"
              aria-label="Edit the comment"
              onClick={() => setText(comment.text)}
            >
              <IconPencil size={14} />
            </ActionIcon>
          )}
          {(mine || who?.deletes_any) &&
            (sure ? (
              <Anchor
                component="button"
                type="button"
                size="xs"
                c="red"
                onBlur={() => setSure(false)}
                onClick={() => remove.mutate({ params })}
              >
                Delete for good
              </Anchor>
            ) : (
              <ActionIcon
                size="sm"
                variant="subtle"
                color="gray"
                aria-label="Delete the comment"
                onClick={() => setSure(true)}
              >
                <IconTrash size={14} />
              </ActionIcon>
            ))}
        </Group>
        <Written html={comment.html} />
        {remove.error !== null && (
          <Text size="xs" c="red">
            {sentence(remove.error)}
          </Text>
        )}
      </Stack>
    </Paper>
  );
}

function About({ comment: { run, view, figure } }: { comment: Comment }) {
  if (run === null && view === null && figure === null) return null;
  const words = run === null ? (figure ?? "a view") : `run ${run}`;
  return <>, on {view === null ? words : <ViewLink view={view}>{words}</ViewLink>}</>;
}

/** Opens an address of the page without loading the page anew. */
function ViewLink({ view, children }: { view: string; children: string }) {
  const router = useRouter({ warn: false });
  return (
    <Anchor
      component="button"
      type="button"
      inherit
      onClick={() => void router?.navigate({ href: view } as never)}
    >
      {children}
    </Anchor>
  );
}
