import { Button, Group, Stack, Text } from "@mantine/core";
import { IconArrowsDiff, IconCopy, IconFileDownload, IconPlayerStop } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { address } from "../api/address";
import type { ExperimentDetail } from "../api/client";
import { Author } from "../people/Author";
import { LookingNow } from "../people/LookingNow";
import { useWhyNot } from "../people/may";
import { useWho } from "../people/who";
import { ago } from "../ui/format";
import { CountsBar, StatusBadge } from "../ui/Status";
import { Archive } from "./Archive";
import { useBasket } from "./basket/useBasket";
import { useTask } from "./catalog";
import { DeleteExperiment } from "./deleting/DeleteExperiment";
import { Description, ExperimentName } from "./EditedInPlace";
import { GiveAway } from "./GiveAway";
import { PrivateBadge } from "./PrivateBadge";
import { useCancelAll } from "./runs/useCancelAll";
import { ShareMenu } from "./ShareMenu";
import { Star } from "./Star";
import type { ExperimentSearch } from "./search";
import { Tags } from "./Tags";

interface Props {
  experiment: ExperimentDetail;
  search: ExperimentSearch;
}

/** An experiment's name and state, and what can be done with the whole of it. */
export function ExperimentHeader({ experiment, search }: Props) {
  const { guest } = useWho();
  return (
    <Stack gap={6}>
      <Group justify="space-between" align="flex-start">
        <Group gap={6} wrap="nowrap">
          <ExperimentName experiment={experiment} />
          {!guest && <Star experiment={experiment} />}
          {experiment.private && !guest && <PrivateBadge />}
          {!guest && <LookingNow />}
        </Group>
        {!guest && <Actions experiment={experiment} search={search} />}
      </Group>
      <Description experiment={experiment} />
      <Group gap="md">
        <StatusBadge status={experiment.status} />
        <CountsBar counts={experiment.counts} />
        <Text size="sm" c="dimmed" component="div">
          {experiment.model} · {experiment.data} · launched {ago(experiment.created_at)}
          {experiment.author && " by "}
          <Author name={experiment.author} colour={experiment.colour} />
        </Text>
        {!guest && <Tags experiment={experiment} />}
      </Group>
    </Stack>
  );
}

/** What can be done with the whole of it, of that what one may. */
function Actions({ experiment, search }: Props) {
  const { cancelAll, cancelling } = useCancelAll();
  const basket = useBasket();
  const whyNot = useWhyNot();
  const mine = whyNot.change(experiment.owner) === undefined;
  const inside = basket.has(`e${experiment.id}`);
  const lab = useTask(experiment.task)?.synthetic;
  const active = experiment.counts.queued + experiment.counts.running;
  return (
    <Group gap="xs">
      {active > 0 && mine && (
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
      {mine && <Archive experiment={experiment} />}
      {mine && <DeleteExperiment experiment={experiment} />}
      <ShareMenu experiment={experiment} search={search} />
      <GiveAway experiment={experiment} />
      {experiment.problems.length === 0 && whyNot.launch === undefined && (
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
  );
}
