import { Alert, Button, Group, Skeleton, Stack, TagsInput, Text, Title } from "@mantine/core";
import {
  IconArchive,
  IconArrowsDiff,
  IconCopy,
  IconFileDownload,
  IconPlayerStop,
} from "@tabler/icons-react";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { api, type ExperimentDetail, sentence } from "../api/client";
import { Star } from "../history/HistoryPage";
import { useChange } from "../history/useChange";
import { ago } from "../ui/format";
import { CountsBar, StatusBadge } from "../ui/Status";
import { Tabbed } from "../ui/Tabbed";
import { useBasket } from "./basket/useBasket";
import { NotesTab } from "./NotesTab";
import { RecipeTab } from "./RecipeTab";
import { useCancelAll } from "./runs/useCancelAll";
import type { ExperimentSearch, Tab } from "./search";
import { VIEWS } from "./views";

const route = getRouteApi("/experiments/$id");

const PANELS: Record<Tab, { label: string }> = {
  ...VIEWS,
  recipe: { label: "Recipe" },
  notes: { label: "Notes" },
};

export function ExperimentPage() {
  const { id } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const { data, error } = api.useQuery("get", "/api/experiments/{experiment_id}", {
    params: { path: { experiment_id: id } },
  });
  if (error) return <Alert color="red">{sentence(error)}</Alert>;
  if (!data) return <Skeleton height={400} />;
  const change = (part: Partial<ExperimentSearch>) =>
    void navigate({
      to: "/experiments/$id",
      params: { id },
      search: { ...search, ...part },
      replace: true,
      resetScroll: false,
    });
  const tab = search.tab ?? "overview";
  return (
    <Stack gap="sm">
      <Header experiment={data} />
      <Tabbed tab={tab} panels={PANELS} open={(name) => change({ tab: name })}>
        <Panel tab={tab} experiment={data} search={search} change={change} />
      </Tabbed>
    </Stack>
  );
}

interface PanelProps {
  tab: Tab;
  experiment: ExperimentDetail;
  search: ExperimentSearch;
  change: (part: Partial<ExperimentSearch>) => void;
}

function Panel({ tab, experiment, search, change }: PanelProps) {
  const { id, runs, layers, steps, task } = experiment;
  const subject = { of: [`e${id}`], runs, layers, steps, task };
  const props = { subject, search, change };
  if (tab === "recipe") return <RecipeTab spec={experiment.spec} {...props} />;
  if (tab === "notes") return <NotesTab experiment={experiment} />;
  const View = VIEWS[tab].panel;
  return <View {...props} />;
}

function Header({ experiment }: { experiment: ExperimentDetail }) {
  const { cancelAll, cancelling } = useCancelAll();
  const change = useChange(experiment.id);
  const basket = useBasket();
  const inside = basket.has(`e${experiment.id}`);
  const active = experiment.counts.queued + experiment.counts.running;
  return (
    <Stack gap={6}>
      <Group justify="space-between" align="flex-start">
        <Group gap={6} wrap="nowrap">
          <Title order={2} style={{ overflowWrap: "anywhere" }}>
            {experiment.name}
          </Title>
          <Star experiment={experiment} />
        </Group>
        <Group gap="xs">
          {active > 0 && (
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPlayerStop size={14} />}
              loading={cancelling}
              onClick={() => cancelAll([`e${experiment.id}`])}
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
            href={`/api/experiments/${experiment.id}/report.html`}
            download
          >
            Report
          </Button>
          <Button
            size="xs"
            variant="default"
            component="a"
            href={`/api/experiments/${experiment.id}/export.json`}
            download
          >
            Export
          </Button>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconArchive size={14} />}
            onClick={() => change({ archived: !experiment.archived })}
          >
            {experiment.archived ? "Bring back" : "Archive"}
          </Button>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconCopy size={14} />}
            component={Link}
            to={experiment.task === "teacher-student" ? "/theory" : "/launch"}
            search={{ from: experiment.id } as never}
          >
            {experiment.task === "teacher-student" ? "Open in the theory lab" : "Use as template"}
          </Button>
        </Group>
      </Group>
      {experiment.description && (
        <Text c="dimmed" maw={900}>
          {experiment.description}
        </Text>
      )}
      <Group gap="md">
        <StatusBadge status={experiment.status} />
        <CountsBar counts={experiment.counts} />
        <Text size="sm" c="dimmed">
          {experiment.model} · {experiment.data} · launched {ago(experiment.created_at)}
          {experiment.author && ` by ${experiment.author}`}
        </Text>
        <TagsInput
          size="xs"
          w={{ base: "100%", sm: 260 }}
          aria-label="Tags"
          placeholder={experiment.tags.length === 0 ? "add tags" : undefined}
          splitChars={[",", " ", ";"]}
          value={experiment.tags}
          onChange={(tags) => change({ tags })}
        />
      </Group>
    </Stack>
  );
}
