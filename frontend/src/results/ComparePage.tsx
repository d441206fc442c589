import { Anchor, Button, CopyButton, Group, Skeleton, Stack, Title } from "@mantine/core";
import { IconLink } from "@tabler/icons-react";
import { keepPreviousData } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { publicAddress } from "../api/address";
import { api, type Schemas } from "../api/client";
import { Empty } from "../ui/Empty";
import { Outdated } from "../ui/Outdated";
import { Tabbed } from "../ui/Tabbed";
import { Unanswered } from "../ui/Unanswered";
import { BasketBar } from "./basket/BasketBar";
import { useBasket } from "./basket/useBasket";
import { known } from "./catalog";
import { DifferencesTab } from "./DifferencesTab";
import type { CompareSearch, CompareTab } from "./search";
import type { Subject } from "./subject";
import { labelled, VIEWS, type View } from "./views";

const route = getRouteApi("/compare");

const PANELS: Record<CompareTab, View> = {
  ...VIEWS,
  differences: { label: "Differences", panel: DifferencesTab },
};

/** Runs and methods of any experiments side by side; the link holds all of it. */
export function ComparePage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { set } = useBasket();
  const { of: items } = search;
  useEffect(() => {
    if (items) set(items);
  }, [items, set]);
  const change = (part: Partial<CompareSearch>) =>
    void navigate({
      to: "/compare",
      search: { ...search, ...part },
      replace: true,
      resetScroll: false,
    });
  const choose = (chosen: string[]) => {
    set(chosen);
    // Methods and a run that were picked from the old basket may not be in the new basket.
    change({ of: chosen.length > 0 ? chosen : undefined, methods: undefined, run: undefined });
  };
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={2}>Compare</Title>
        {items && <CopyLink />}
      </Group>
      <BasketBar items={items ?? []} choose={choose} />
      {items ? <Compared items={items} search={search} change={change} /> : <NothingYet />}
    </Stack>
  );
}

function CopyLink() {
  return (
    <CopyButton value={publicAddress()}>
      {({ copied, copy }) => (
        <Button size="xs" variant="default" leftSection={<IconLink size={14} />} onClick={copy}>
          {copied ? "Copied" : "Copy link"}
        </Button>
      )}
    </CopyButton>
  );
}

interface ComparedProps {
  items: string[];
  search: CompareSearch;
  change: (part: Partial<CompareSearch>) => void;
}

function Compared({ items, search: raw, change }: ComparedProps) {
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
  return (
    <Tabbed tab={tab} panels={labelled(PANELS, catalog)} open={(name) => change({ tab: name })}>
      <Outdated when={isPlaceholderData}>
        <Panel subject={subjectOf(items, data)} search={search} change={change} catalog={catalog} />
      </Outdated>
    </Tabbed>
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

function NothingYet() {
  return (
    <Empty title="Nothing to compare yet">
      Add experiments or single methods above, or look for them in the{" "}
      <Anchor component={Link} to="/history">
        history
      </Anchor>
      : choose some and press Compare, or press + beside a method or a run of an experiment.
    </Empty>
  );
}
