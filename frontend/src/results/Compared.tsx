import { Skeleton, Title } from "@mantine/core";
import { keepPreviousData } from "@tanstack/react-query";
import { api, type Schemas } from "../api/client";
import { type Owners, OwnersProvider } from "../people/may";
import { useWho } from "../people/who";
import { Outdated } from "../ui/Outdated";
import { Tabbed } from "../ui/Tabbed";
import { Unanswered } from "../ui/Unanswered";
import { known } from "./catalog";
import { CommentingOnComparison } from "./comments/Commenting";
import { DifferencesTab } from "./DifferencesTab";
import type { CompareSearch, CompareTab } from "./search";
import type { Subject } from "./subject";
import { labelled, tabLabel, VIEWS, type View } from "./views";

const PANELS: Record<CompareTab, View> = {
  ...VIEWS,
  differences: { label: "Differences", panel: DifferencesTab },
};

interface Props {
  items: string[];
  search: CompareSearch;
  change: (part: Partial<CompareSearch>) => void;
  /** Whether the view is shown without the others. */
  alone?: boolean;
}

/** The results of a basket, under tabs, or one view of them. */
export function Compared({ items, search: raw, change, alone = false }: Props) {
  const { guest } = useWho();
  const { data: catalog, error: unanswered } = api.useQuery("get", "/api/catalog");
  const { data, error, isPlaceholderData } = api.useQuery(
    "get",
    "/api/basket",
    { params: { query: { of: items } } },
    { placeholderData: keepPreviousData, retry: false },
  );
  const failed = (!data && error) || (!catalog && unanswered);
  if (failed) return <Unanswered error={failed} />;
  if (!data || !catalog) return <Skeleton height={400} />;
  const search = known(raw, catalog);
  const tab = search.tab ?? "overview";
  const Panel = PANELS[tab].panel;
  const shown = (
    <Panel subject={subjectOf(items, data)} search={search} change={change} catalog={catalog} />
  );
  const panel = (
    <Outdated when={isPlaceholderData}>
      {guest ? (
        shown
      ) : (
        <CommentingOnComparison items={items} experiments={data.experiments.map(({ id }) => id)}>
          {shown}
        </CommentingOnComparison>
      )}
    </Outdated>
  );
  const owners: Owners = Object.fromEntries(data.experiments.map(({ id, owner }) => [id, owner]));
  return (
    <OwnersProvider value={owners}>
      {alone ? (
        <>
          <Title order={3}>{tabLabel(tab, catalog)}</Title>
          {panel}
        </>
      ) : (
        <Tabbed tab={tab} panels={labelled(PANELS, catalog)} open={(name) => change({ tab: name })}>
          {panel}
        </Tabbed>
      )}
    </OwnersProvider>
  );
}

function subjectOf(items: string[], basket: Schemas["BasketOut"]): Subject {
  const { runs, layers, steps, experiments } = basket;
  return {
    of: items,
    runs,
    layers,
    steps,
    tasks: [...new Set(experiments.map(({ task }) => task))],
  };
}
