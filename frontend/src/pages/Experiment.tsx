import { Alert, Button, Group, Skeleton, Stack, Tabs, TagsInput, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconArchive, IconCopy, IconFileDownload, IconPlayerStop } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { api, type ExperimentDetail, sentence } from "../api/client";
import { CountsBar, StatusBadge } from "../components/Status";
import { experimentRoute } from "../router";
import { ago } from "../view/format";
import type { ExperimentSearch, Tab } from "../view/search";
import { AlignmentTab } from "./experiment/AlignmentTab";
import { CostTab } from "./experiment/CostTab";
import { CurvesTab } from "./experiment/CurvesTab";
import { LearningRateTab } from "./experiment/LearningRateTab";
import { NotesTab } from "./experiment/NotesTab";
import { OverviewTab } from "./experiment/OverviewTab";
import { RecipeTab } from "./experiment/RecipeTab";
import { SpectraTab } from "./experiment/SpectraTab";
import { StepZeroTab } from "./experiment/StepZeroTab";
import { UpdateTab } from "./experiment/UpdateTab";
import { Star } from "./History";
import { useChange } from "./history/useChange";

/** What every tab is given: the experiment, what the URL says, and how to change that. */
export interface TabProps {
  experiment: ExperimentDetail;
  search: ExperimentSearch;
  change: (part: Partial<ExperimentSearch>) => void;
}

const PANELS: Record<Tab, { label: string; panel: (props: TabProps) => React.ReactNode }> = {
  overview: { label: "Overview", panel: OverviewTab },
  curves: { label: "Curves", panel: CurvesTab },
  "learning-rate": { label: "Learning rate", panel: LearningRateTab },
  spectra: { label: "Spectra", panel: SpectraTab },
  alignment: { label: "Alignment", panel: AlignmentTab },
  step0: { label: "Step 0", panel: StepZeroTab },
  update: { label: "Update", panel: UpdateTab },
  cost: { label: "Cost", panel: CostTab },
  recipe: { label: "Recipe", panel: RecipeTab },
  notes: { label: "Notes", panel: NotesTab },
};

export function ExperimentPage() {
  const { id } = experimentRoute.useParams();
  const search = experimentRoute.useSearch();
  const navigate = useNavigate();
  const { data, error } = api.useQuery("get", "/api/experiments/{experiment_id}", {
    params: { path: { experiment_id: id } },
  });
  const tab = search.tab ?? "overview";
  const list = useShownTab(tab, data !== undefined);
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
  const Panel = PANELS[tab].panel;
  return (
    <Stack gap="sm">
      <Header experiment={data} />
      <Tabs
        value={tab}
        onChange={(value) => change({ tab: value as Tab })}
        keepMounted={false}
        variant="default"
      >
        <Tabs.List
          ref={list}
          style={{ flexWrap: "nowrap", overflowX: "auto", overflowY: "hidden" }}
        >
          {Object.entries(PANELS).map(([name, { label }]) => (
            <Tabs.Tab key={name} value={name} style={{ flexShrink: 0 }}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={tab} pt="md">
          <Panel experiment={data} search={search} change={change} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

/** On a narrow screen the chosen tab may lie outside of the list: it is scrolled into it. */
function useShownTab(tab: Tab, ready: boolean) {
  const list = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever the tab or the page changes
  useEffect(() => {
    const chosen = list.current?.querySelector<HTMLElement>('[aria-selected="true"]');
    if (list.current && chosen) {
      list.current.scrollLeft = chosen.offsetLeft - list.current.clientWidth / 3;
    }
  }, [tab, ready]);
  return list;
}

function Header({ experiment }: { experiment: ExperimentDetail }) {
  const queries = useQueryClient();
  const cancel = api.useMutation("post", "/api/experiments/{experiment_id}/cancel", {
    onSuccess: () => queries.invalidateQueries(),
    onError: (error) => notifications.show({ color: "red", message: sentence(error) }),
  });
  const change = useChange(experiment.id);
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
              loading={cancel.isPending}
              onClick={() => cancel.mutate({ params: { path: { experiment_id: experiment.id } } })}
            >
              Cancel {active === 1 ? "1 run" : `all ${active} runs`}
            </Button>
          )}
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
