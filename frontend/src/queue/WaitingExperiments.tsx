import { Button, Group, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconArrowBarDown,
  IconArrowBarUp,
  IconChevronDown,
  IconMinus,
  IconX,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Run, sentence } from "../api/client";
import { otherStatus } from "../api/dependence";
import { changed } from "../api/live";
import { useCancelAll } from "../results/runs/useCancelAll";
import { type ExperimentNames, nameOf } from "./experimentNames";

const PLACES = [
  { label: "Run before others", priority: 10, Icon: IconArrowBarUp },
  { label: "Run in turn", priority: 0, Icon: IconMinus },
  { label: "Run when nothing else waits", priority: -10, Icon: IconArrowBarDown },
];

/** What can be done with all waiting runs of an experiment at once. */
export function WaitingExperiments({ runs, names }: { runs: Run[]; names: ExperimentNames }) {
  const ids = [...new Set(runs.map((run) => run.experiment_id))];
  return (
    <Group gap="xs">
      {ids.map((id) => (
        <OfExperiment
          key={id}
          id={id}
          name={nameOf(id, names)}
          runs={runs.filter((run) => run.experiment_id === id)}
        />
      ))}
    </Group>
  );
}

function OfExperiment({ id, name, runs }: { id: number; name: string; runs: Run[] }) {
  const { cancelAll } = useCancelAll();
  const queries = useQueryClient();
  const of = [`e${id}`];
  const { mutate: move } = api.useMutation("post", "/api/runs/priority", {
    onSuccess: () => void changed(queries, ...otherStatus(of)),
    onError: (error) => notifications.show({ color: "red", message: sentence(error) }),
  });
  const count = runs.length;
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
        {PLACES.filter(({ priority }) => runs.some((run) => run.priority !== priority)).map(
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
        <Menu.Item color="red" leftSection={<IconX size={16} />} onClick={() => cancelAll(of)}>
          Cancel {count === 1 ? "the run" : `all ${count} runs`}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
