import { ActionIcon, Modal, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconMessage } from "@tabler/icons-react";
import { Conversation } from "./Conversation";
import { type Comment, useComments } from "./useComments";
import { isOf } from "./view";

interface Props {
  experiment: number;
  /** The figure or the run that is talked about. */
  figure?: string;
  run?: number;
  name: string;
  /** Whether the experiment has comments: else there is nothing to ask for. */
  some: boolean;
  /** The items of the comparison whose figure it is; that of the experiment itself without. */
  compared?: string[];
}

/** Opens what was said about a figure or a run, and says how much that is. */
export function CommentButton({ experiment, figure, run, name, some, compared }: Props) {
  const [opened, { open, close }] = useDisclosure(false);
  const { data } = useComments(experiment, some);
  const shown = (comment: Comment) =>
    run === undefined
      ? comment.figure === figure && isOf(comment.view, compared)
      : comment.run === run;
  const count = data?.comments.filter(shown).length ?? 0;
  const about =
    run === undefined ? { figure, view: opened ? here(experiment, compared) : null } : { run };
  return (
    <>
      <ActionIcon
        size="sm"
        w={count > 0 ? "auto" : undefined}
        variant="subtle"
        color="gray"
        aria-label={`Comments on ${name}${count > 0 ? `: ${count}` : ""}`}
        title="Comments"
        onClick={open}
      >
        <IconMessage size={14} />
        {count > 0 && (
          <Text span size="xs" ml={2}>
            {count}
          </Text>
        )}
      </ActionIcon>
      <Modal opened={opened} onClose={close} title={`Comments on ${name}`} size="lg">
        {opened && (
          <Conversation experiment={experiment} about={about} shown={shown} none="None so far." />
        )}
      </Modal>
    </>
  );
}

/** The address of what is looked at, as a comment's link; one that is too long is left out. */
function here(experiment: number, compared: string[] | undefined): string | null {
  const path = compared ? "/compare" : `/experiments/${experiment}`;
  const address = path + location.search;
  return address.length <= 2000 && /^[!-~]*$/.test(address) ? address : null;
}
