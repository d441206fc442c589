import { ActionIcon, Badge, Group, Menu, Paper, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDotsVertical, IconPlayerPause, IconPlayerPlay, IconPlugX } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";
import { changed } from "../api/live";
import { useWhyNot } from "../people/may";
import { CancelRun } from "../results/runs/RunActions";
import { runTitle } from "../results/runs/runTitle";
import { bytes, roughly } from "../ui/format";
import { RunProgress } from "../ui/Status";
import { ExperimentLink } from "./ExperimentLink";
import type { ExperimentNames } from "./experimentNames";

type Lane = Schemas["LaneOut"];

/** A device, the run on it, and whether it takes the next one. */
export function LaneCard({ lane, names }: { lane: Lane; names: ExperimentNames }) {
  const { administer } = useWhyNot();
  const { run } = lane;
  return (
    <Paper withBorder p="sm" role="group" aria-label={`Lane ${lane.name}`}>
      <Group justify="space-between" wrap="nowrap">
        <Group gap="xs" wrap="nowrap" miw={0}>
          <Text fw={600} truncate title={lane.name}>
            {lane.name}
          </Text>
          {lane.mode !== "open" && (
            <Badge color="orange" variant="light" style={{ flexShrink: 0 }}>
              {lane.mode}
            </Badge>
          )}
        </Group>
        <Group gap={4} wrap="nowrap">
          {run && <CancelRun run={run} />}
          {administer === undefined && <LaneMenu lane={lane} />}
        </Group>
      </Group>
      {run ? (
        <Stack gap={4}>
          <Text size="sm">{runTitle(run)}</Text>
          <ExperimentLink run={run} names={names} />
          <RunProgress run={run} />
          <Text size="xs" c="dimmed">
            {[
              lane.seconds_left !== null && `about ${roughly(lane.seconds_left)} left`,
              lane.memory_bytes !== null && `${bytes(lane.memory_bytes)} of memory`,
              lane.temperature !== null && `${Math.round(lane.temperature)} °C`,
            ]
              .filter(Boolean)
              .join(" · ")}
          </Text>
          {lane.mode !== "open" && (
            <Text size="xs" c="dimmed">
              Takes no run after this one
            </Text>
          )}
        </Stack>
      ) : (
        <Text c="dimmed" size="sm">
          {lane.busy ? "Busy with somebody’s private run" : IDLE[lane.mode]}
        </Text>
      )}
    </Paper>
  );
}

const IDLE: Record<Lane["mode"], string> = {
  open: "Free",
  paused: "Takes no runs; the model stays loaded",
  drained: "Takes no runs; the device is free for something else",
};

const CHOICES = [
  { mode: "open", label: "Open", help: "Take runs again", Icon: IconPlayerPlay },
  { mode: "paused", label: "Pause", help: "Finish this run, take no other", Icon: IconPlayerPause },
  { mode: "drained", label: "Drain", help: "Pause, and let go of the device", Icon: IconPlugX },
] as const;

function LaneMenu({ lane }: { lane: Lane }) {
  const queries = useQueryClient();
  const { mutate } = api.useMutation("post", "/api/lanes/{name}", {
    onSuccess: () => void changed(queries, { kind: "lanes", experiment: 0, run: 0 }),
    onError: (error) => notifications.show({ color: "red", message: sentence(error) }),
  });
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Options of lane ${lane.name}`}>
          <IconDotsVertical size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {CHOICES.filter(({ mode }) => mode !== lane.mode).map(({ mode, label, help, Icon }) => (
          <Menu.Item
            key={mode}
            leftSection={<Icon size={16} />}
            onClick={() => mutate({ params: { path: { name: lane.name }, query: { mode } } })}
          >
            {label}
            <Text size="xs" c="dimmed">
              {help}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
