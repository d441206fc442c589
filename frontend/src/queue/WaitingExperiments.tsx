import { Button, Group, Menu, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconArrowBarDown,
  IconArrowBarUp,
  IconChevronDown,
  IconMinus,
  IconX,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";
import { otherStatus } from "../api/dependence";
import { changed } from "../api/live";
import { useWhyNotRunsOf } from "../people/may";
import { useCancelAll } from "../results/runs/useCancelAll";
import { type ExperimentNames, nameOf } from "./experimentNames";

const PLACES = [
  { label: "Run before others", priority: 10, Icon: IconArrowBarUp },
  { label: "Run in turn", priority: 0, Icon: IconMinus },
  { label: "Run when nothing else waits", priority: -10, Icon: IconArrowBarDown },
];

type Waiting = Schemas["WaitingOut"];

interface Props {
  waiting: Waiting[];
  names: ExperimentNames;
}

/** What can be done with all waiting runs of an experiment at once, also those not listed. */
export function WaitingExperiments({ waiting, names }: Props) {
  return (
    <Group gap="xs">
      {waiting.map((of) => (
        <OfExperiment key={of.experiment} waiting={of} name={nameOf(of.experiment, names)} />
      ))}
    </Group>
  );
}

function OfExperiment({ waiting, name }: { waiting: Waiting; name: string }) {
  const { experiment, runs: count, lowest, highest } = waiting;
  const { cancelAll } = useCancelAll();
  const queries = useQueryClient();
  const why = useWhyNotRunsOf(experiment);
  const of = [`e${experiment}`];
  const { mutate: move } = api.useMutation("post", "/api/runs/priority", {
    onSuccess: () => void changed(queries, ...otherStatus(of)),
    onError: (error) => notifications.show({ color: "red", message: sentence(error) }),
  });
  if (why !== undefined) {
    return (
      <Text size="xs" c="dimmed">
        {name} ({count})
      </Text>
    );
  }
  return (
    <Menu withinPortal>
      <Menu.Target>
        <Button
          size="compact-xs"
          variant="default"
          rightSection={<IconChevronDown size={12} />}
          maw="100%"
        >
          {name} ({count})
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {PLACES.filter(({ priority }) => lowest !== priority || highest !== priority).map(
          ({ label, priority, Icon }) => (
            <Menu.Item
              key={label}
              leftSection={<Icon size={16} />}
              onClick={() => move({ params: { query: { of, priority } } })}
            >
              {label}
            </Menu.Item>
          ),
        )}
        <Menu.Divider />
        <Menu.Item
          color="red"
          leftSection={<IconX size={16} />}
          onClick={() => cancelAll(of, count)}
        >
          Cancel {count === 1 ? "the run" : `all ${count} runs`}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
