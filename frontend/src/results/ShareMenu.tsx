import { Button, Menu, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconCheck, IconLink, IconLock, IconShare, IconUsers } from "@tabler/icons-react";
import { api, type ExperimentDetail } from "../api/client";
import { useWhyNot } from "../people/may";
import { useAccounts } from "../people/who";
import { ShareDialog } from "./ShareDialog";
import type { ExperimentSearch } from "./search";
import { viewAddress } from "./sharedView";
import { useExperimentChange } from "./useExperimentChange";
import { tabLabel } from "./views";

const CHOICES = [
  {
    hidden: false,
    label: "Visible to the team",
    help: "Everybody with an account",
    Icon: IconUsers,
  },
  {
    hidden: true,
    label: "Private",
    help: "Only whoever launched it, and administrators",
    Icon: IconLock,
  },
] as const;

interface Props {
  experiment: ExperimentDetail;
  /** What is looked at now. */
  search: ExperimentSearch;
}

/** Who sees an experiment: the team, its owner alone, and guests with a link; for its owner. */
export function ShareMenu({ experiment, search }: Props) {
  const accounts = useAccounts();
  const why = useWhyNot().change(experiment.owner);
  const { change, asked } = useExperimentChange(experiment.id);
  const [opened, { open, close }] = useDisclosure(false);
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  if (!accounts || why !== undefined) return null;
  const hidden = asked.private ?? experiment.private;
  const tab = search.tab ?? "overview";
  const path = `/experiments/${experiment.id}`;
  return (
    <>
      <Menu position="bottom-end" width={260}>
        <Menu.Target>
          <Button size="xs" variant="default" leftSection={<IconShare size={14} aria-hidden />}>
            Share
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {CHOICES.map(({ hidden: value, label, help, Icon }) => (
            <Menu.Item
              key={label}
              aria-current={value === hidden}
              leftSection={<Icon size={16} aria-hidden />}
              rightSection={value === hidden && <IconCheck size={16} aria-hidden />}
              onClick={() => value !== hidden && change({ private: value })}
            >
              {label}
              <Text size="xs" c="dimmed">
                {help}
              </Text>
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item leftSection={<IconLink size={16} aria-hidden />} onClick={open}>
            Link for a guest …
            <Text size="xs" c="dimmed">
              Shows this alone, without an account, for a while
            </Text>
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ShareDialog
        opened={opened}
        close={close}
        of={[`e${experiment.id}`]}
        views={[
          { label: "All its results", view: path },
          // Neither what would be launched again nor what is said about it is for guests.
          ...(tab === "recipe" || tab === "comments"
            ? []
            : [{ label: tabLabel(tab, catalog), view: viewAddress(path, { ...search, tab }) }]),
        ]}
      />
    </>
  );
}
