import { Button, Group, Stack, Text } from "@mantine/core";
import { IconArrowsDiff, IconCopy, IconFileDownload, IconPlayerStop } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { address } from "../api/address";
import type { ExperimentDetail } from "../api/client";
import { ago } from "../ui/format";
import { CountsBar, StatusBadge } from "../ui/Status";
import { Archive } from "./Archive";
import { useBasket } from "./basket/useBasket";
import { useTask } from "./catalog";
import { DeleteExperiment } from "./deleting/DeleteExperiment";
import { Description, ExperimentName } from "./EditedInPlace";
import { useCancelAll } from "./runs/useCancelAll";
import { Star } from "./Star";
import { Tags } from "./Tags";

/** An experiment's name and state, and what can be done with the whole of it. */
export function ExperimentHeader({ experiment }: { experiment: ExperimentDetail }) {
  const { cancelAll, cancelling } = useCancelAll();
  const basket = useBasket();
  const inside = basket.has(`e${experiment.id}`);
  const lab = useTask(experiment.task)?.synthetic;
  const active = experiment.counts.queued + experiment.counts.running;
  return (
    <Stack gap={6}>
      <Group justify="space-between" align="flex-start">
        <Group gap={6} wrap="nowrap">
          <ExperimentName experiment={experiment} />
          <Star experiment={experiment} />
        </Group>
        <Group gap="xs">
          {active > 0 && (
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPlayerStop size={14} />}
              loading={cancelling}
              onClick={() => cancelAll([`e${experiment.id}`], active)}
            >
              Cancel {active === 1 ? "1 run" : `all ${active} runs`}
            </Button>
          )}
          <Button
            size="xs"
            variant={inside ? "filled" : "default"}
            leftSection={<IconArrowsDiff size={14} />}
            aria-pressed={inside}
            onClick={() => basket.toggle(`e${experiment.id}`)}
          >
            {inside ? "In the comparison" : "Compare"}
          </Button>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconFileDownload size={14} />}
            component="a"
            href={address(`/api/experiments/${experiment.id}/report.html`)}
            download
          >
            Report
          </Button>
          <Button
            size="xs"
            variant="default"
            component="a"
            href={address(`/api/experiments/${experiment.id}/export.json`)}
            download
          >
            Export
          </Button>
          <Archive experiment={experiment} />
          <DeleteExperiment experiment={experiment} />
          {experiment.problems.length === 0 && (
            <Button
              size="xs"
              variant="default"
              leftSection={<IconCopy size={14} />}
              component={Link}
              to={lab ? "/theory" : "/launch"}
              search={{ from: experiment.id } as never}
            >
              {lab ? "Open in the theory lab" : "Use as template"}
            </Button>
          )}
        </Group>
      </Group>
      <Description experiment={experiment} />
      <Group gap="md">
        <StatusBadge status={experiment.status} />
        <CountsBar counts={experiment.counts} />
        <Text size="sm" c="dimmed">
          {experiment.model} · {experiment.data} · launched {ago(experiment.created_at)}
          {experiment.author && ` by ${experiment.author}`}
        </Text>
        <Tags experiment={experiment} />
      </Group>
    </Stack>
  );
}
