import { ActionIcon, Anchor, Group } from "@mantine/core";
import { IconCopy, IconRefresh, IconX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { address } from "../../api/address";
import type { Run } from "../../api/client";
import { useWhyNot, useWhyNotRunsOf } from "../../people/may";
import { useWho } from "../../people/who";
import { BasketToggle } from "../basket/BasketToggle";
import { RunComments } from "../comments/RunComments";
import { DeleteRun } from "../deleting/DeleteRun";
import { RunLog } from "./RunLog";
import { useRunAction } from "./useRunAction";

/** Its adapter, the comparison, cancel or run again: what makes sense for where it stands. */
export function RunActions({ run }: { run: Run }) {
  const retry = useRunAction("retry");
  const { guest } = useWho();
  const { launch } = useWhyNot();
  const mine = useWhyNotRunsOf(run.experiment_id) === undefined;
  if (guest) return null;
  return (
    <Group gap={6} wrap="nowrap" justify="flex-end">
      {run.has_adapter && (
        <Anchor size="sm" href={address(`/api/runs/${run.id}/adapter.zip`)} download>
          adapter
        </Anchor>
      )}
      {run.status === "succeeded" && <BasketToggle item={`r${run.id}`} name={`run ${run.id}`} />}
      {launch === undefined && (
        <ActionIcon
          size="sm"
          variant="subtle"
          color="gray"
          component={Link}
          to="/launch"
          search={{ run: run.id } as never}
          aria-label={`Use run ${run.id} as a template`}
          title="Use as template"
        >
          <IconCopy size={14} />
        </ActionIcon>
      )}
      {run.attempt > 0 && <RunLog run={run} />}
      <RunComments run={run} />
      {(run.status === "queued" || run.status === "running") && <CancelRun run={run} />}
      {mine && run.finished_at !== null && run.status !== "queued" && run.status !== "running" && (
        <DeleteRun run={run} />
      )}
      {mine && (run.status === "failed" || run.status === "cancelled") && (
        <ActionIcon
          variant="subtle"
          aria-label={`Retry run ${run.id}`}
          title="Run again"
          onClick={() => retry(run.id)}
        >
          <IconRefresh size={16} />
        </ActionIcon>
      )}
    </Group>
  );
}

/** Cancels a run that waits or runs. */
export function CancelRun({ run }: { run: Run }) {
  const cancel = useRunAction("cancel");
  const why = useWhyNotRunsOf(run.experiment_id);
  if (why !== undefined) return null;
  return (
    <ActionIcon
      variant="subtle"
      color="red"
      aria-label={`Cancel run ${run.id}`}
      title="Cancel"
      onClick={() => cancel(run.id)}
    >
      <IconX size={16} />
    </ActionIcon>
  );
}
