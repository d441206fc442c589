import { Button, Group, Paper, Text, TextInput } from "@mantine/core";
import {
  type Icon,
  IconArchive,
  IconArrowsDiff,
  IconStar,
  IconTag,
  IconTrash,
} from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { Allowed } from "../people/Allowed";
import type { Why } from "../people/may";
import { useDeleting } from "../results/deleting/useDeleting";
import { WhatGoes } from "../results/deleting/WhatGoes";
import { count } from "../results/deleting/words";
import { ask } from "../ui/asking";
import { useDraftText } from "../ui/draft";
import { useBulkChange } from "./useBulkChange";

interface Props {
  ids: number[];
  /** Why what was chosen cannot be changed. */
  why: Why;
  /** Told which experiments were changed: others may have been chosen since. */
  done: (ids: number[]) => void;
}

/** What can be done with the chosen experiments. */
export function BulkBar({ ids, why, done }: Props) {
  const [tag, setTag, sent] = useDraftText("tag");
  const change = useBulkChange(({ ids, add_tag }) => {
    if (add_tag) sent(add_tag);
    done(ids);
  });
  const navigate = useNavigate();
  const deleting = useDeleting();
  if (ids.length === 0) return null;
  const remove = () =>
    ask({
      title: `Delete ${count(ids.length, "experiment")}`,
      text: <WhatGoes experiments={ids} />,
      act: "Delete",
      doing: async () => {
        if (await deleting.experiments(ids)) done(ids);
      },
    });
  return (
    <Paper withBorder p="xs" role="region" aria-label="Chosen experiments">
      <Group gap="xs">
        <Text size="sm" fw={500}>
          {ids.length} chosen
        </Text>
        <Button
          size="xs"
          leftSection={<IconArrowsDiff size={14} />}
          onClick={() =>
            void navigate({ to: "/compare", search: { of: ids.map((id) => `e${id}`) } })
          }
        >
          Compare
        </Button>
        <Act name="Star" icon={IconStar} why={why} act={() => change({ ids, starred: true })} />
        <Act
          name="Archive"
          icon={IconArchive}
          why={why}
          act={() => change({ ids, archived: true })}
        />
        <Act name="Bring back" why={why} act={() => change({ ids, archived: false })} />
        <Act name="Delete" icon={IconTrash} why={why} act={remove} />
        <form
          onSubmit={(event) => {
            event.preventDefault();
            // Kept as it is sent. A tag that is refused stays, to be changed.
            setTag(tag.trim());
            if (tag.trim() && why === undefined) change({ ids, add_tag: tag.trim() });
          }}
        >
          <Group gap={4}>
            <TextInput
              size="xs"
              w={130}
              aria-label="Tag for the chosen"
              placeholder="tag"
              value={tag}
              onChange={(event) => setTag(event.currentTarget.value)}
            />
            <Allowed why={why}>
              <Button size="xs" variant="default" type="submit" leftSection={<IconTag size={14} />}>
                Tag
              </Button>
            </Allowed>
          </Group>
        </form>
      </Group>
    </Paper>
  );
}

interface ActProps {
  name: string;
  icon?: Icon;
  why: Why;
  act: () => void;
}

/** What is done to all of them, or why it cannot be. */
function Act({ name, icon: Icon, why, act }: ActProps) {
  return (
    <Allowed why={why}>
      <Button
        size="xs"
        variant="default"
        leftSection={Icon ? <Icon size={14} /> : undefined}
        onClick={act}
      >
        {name}
      </Button>
    </Allowed>
  );
}
