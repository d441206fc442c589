import { Alert, Button, Group, Skeleton, Stack, Tabs, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconCopy, IconPlayerStop } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { api, type ExperimentDetail, sentence } from "../api/client";
import { CountsBar, StatusBadge } from "../components/Status";
import { experimentRoute } from "../router";
import { ago } from "../view/format";
import type { ExperimentSearch, Tab } from "../view/search";
import { AlignmentTab } from "./experiment/AlignmentTab";
import { CurvesTab } from "./experiment/CurvesTab";
import { LearningRateTab } from "./experiment/LearningRateTab";
import { OverviewTab } from "./experiment/OverviewTab";
import { SpectraTab } from "./experiment/SpectraTab";
import { StepZeroTab } from "./experiment/StepZeroTab";
import { UpdateTab } from "./experiment/UpdateTab";

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
};

export function ExperimentPage() {
  const { id } = experimentRoute.useParams();
  const search = experimentRoute.useSearch();
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
        <Tabs.List style={{ flexWrap: "nowrap", overflowX: "auto", overflowY: "hidden" }}>
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

function Header({ experiment }: { experiment: ExperimentDetail }) {
  const queries = useQueryClient();
  const cancel = api.useMutation("post", "/api/experiments/{experiment_id}/cancel", {
    onSuccess: () => queries.invalidateQueries(),
    onError: (error) => notifications.show({ color: "red", message: sentence(error) }),
  });
  const active = experiment.counts.queued + experiment.counts.running;
  return (
    <Stack gap={6}>
      <Group justify="space-between" align="flex-start">
        <Title order={2} style={{ overflowWrap: "anywhere" }}>
          {experiment.name}
        </Title>
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
        </Text>
      </Group>
    </Stack>
  );
}
