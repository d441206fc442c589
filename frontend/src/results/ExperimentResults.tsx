import { Alert, Skeleton, Stack, Title } from "@mantine/core";
import {
  api,
  type Catalog,
  type ExperimentDetail,
  storedSpec,
  whyNotLaunched,
} from "../api/client";
import { OwnersProvider } from "../people/may";
import { useWho } from "../people/who";
import { Tabbed } from "../ui/Tabbed";
import { Unanswered } from "../ui/Unanswered";
import { known } from "./catalog";
import { Commenting } from "./comments/Commenting";
import { CommentsTab } from "./comments/CommentsTab";
import { ExperimentHeader } from "./ExperimentHeader";
import { NotesTab } from "./NotesTab";
import { RecipeTab } from "./RecipeTab";
import type { ExperimentSearch, Tab } from "./search";
import { labelled, tabLabel, VIEWS, type View } from "./views";

type Panels = Partial<Record<Tab, Partial<View>>>;

/** What would be launched again is not for guests. */
const FOR_GUESTS: Panels = { ...VIEWS, notes: { label: "Notes" } };
const PANELS: Panels = {
  ...VIEWS,
  recipe: { label: "Recipe" },
  notes: { label: "Notes" },
  comments: { label: "Comments" },
};

interface Props {
  id: number;
  search: ExperimentSearch;
  /** Told what is to be shown next. */
  go: (search: ExperimentSearch) => void;
  /** Whether the view is shown without the others. */
  alone?: boolean;
}

/** One experiment: its header, and its results under tabs, or one view of them. */
export function ExperimentResults({ id, search: raw, go, alone = false }: Props) {
  const { guest } = useWho();
  const { data: catalog, error: unanswered } = api.useQuery("get", "/api/catalog");
  const { data, error } = api.useQuery("get", "/api/experiments/{experiment_id}", {
    params: { path: { experiment_id: id } },
  });
  const failed = (!data && error) || (!catalog && unanswered);
  if (failed) return <Unanswered error={failed} />;
  if (!data || !catalog) return <Skeleton height={400} />;
  const search = known(raw, catalog);
  const change = (part: Partial<ExperimentSearch>) => go({ ...search, ...part });
  const asked = search.tab ?? "overview";
  const tab = guest && !(asked in FOR_GUESTS) ? "overview" : asked;
  const shown = (
    <Panel tab={tab} experiment={data} search={search} change={change} catalog={catalog} />
  );
  const panel = guest ? (
    shown
  ) : (
    <Commenting experiment={id} some={data.comments > 0}>
      {shown}
    </Commenting>
  );
  const panels = labelled(guest ? FOR_GUESTS : PANELS, catalog);
  if (data.comments > 0) panels.comments = { label: `Comments (${data.comments})` };
  return (
    <OwnersProvider value={{ [id]: data.owner }}>
      <Stack gap="sm">
        <ExperimentHeader key={id} experiment={data} search={search} />
        {data.problems.length > 0 && !guest && (
          <Alert color="yellow" title="Results as they were stored">
            {whyNotLaunched(data)}
          </Alert>
        )}
        {alone ? (
          <>
            <Title order={3}>{tabLabel(tab, catalog)}</Title>
            {panel}
          </>
        ) : (
          <Tabbed tab={tab} panels={panels} open={(name) => change({ tab: name })}>
            {panel}
          </Tabbed>
        )}
      </Stack>
    </OwnersProvider>
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
  if (tab === "comments") return <CommentsTab key={id} experiment={id} />;
  const View = VIEWS[tab].panel;
  return <View {...props} />;
}
