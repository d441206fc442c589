import { Alert, Skeleton, Stack } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import {
  api,
  type Catalog,
  type ExperimentDetail,
  storedSpec,
  whyNotLaunched,
} from "../api/client";
import { Tabbed } from "../ui/Tabbed";
import { Unanswered } from "../ui/Unanswered";
import { known } from "./catalog";
import { ExperimentHeader } from "./ExperimentHeader";
import { NotesTab } from "./NotesTab";
import { RecipeTab } from "./RecipeTab";
import type { ExperimentSearch, Tab } from "./search";
import { labelled, VIEWS, type View } from "./views";

const route = getRouteApi("/experiments/$id");

const PANELS: Record<Tab, Partial<View>> = {
  ...VIEWS,
  recipe: { label: "Recipe" },
  notes: { label: "Notes" },
};

/** One experiment: its header, and its results under tabs. */
export function ExperimentPage() {
  const { id } = route.useParams();
  const raw = route.useSearch();
  const navigate = useNavigate();
  const { data: catalog, error: unanswered } = api.useQuery("get", "/api/catalog");
  const { data, error } = api.useQuery("get", "/api/experiments/{experiment_id}", {
    params: { path: { experiment_id: id } },
  });
  const failed = (!data && error) || (!catalog && unanswered);
  if (failed) return <Unanswered error={failed} />;
  if (!data || !catalog) return <Skeleton height={400} />;
  const search = known(raw, catalog);
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
      <ExperimentHeader key={id} experiment={data} />
      {data.problems.length > 0 && (
        <Alert color="yellow" title="Results as they were stored">
          {whyNotLaunched(data)}
        </Alert>
      )}
      <Tabbed tab={tab} panels={labelled(PANELS, catalog)} open={(name) => change({ tab: name })}>
        <Panel tab={tab} experiment={data} search={search} change={change} catalog={catalog} />
      </Tabbed>
    </Stack>
  );
}

interface PanelProps {
  tab: Tab;
  experiment: ExperimentDetail;
  search: ExperimentSearch;
  change: (part: Partial<ExperimentSearch>) => void;
  catalog: Catalog;
}

function Panel({ tab, experiment, ...view }: PanelProps) {
  const { id, runs, layers, steps, task } = experiment;
  const subject = { of: [`e${id}`], runs, layers, steps, tasks: [task] };
  const props = { subject, ...view };
  if (tab === "recipe") return <RecipeTab spec={storedSpec(experiment)} {...props} />;
  if (tab === "notes") return <NotesTab key={id} experiment={experiment} />;
  const View = VIEWS[tab].panel;
  return <View {...props} />;
}
