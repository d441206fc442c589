import { Anchor, Button, CopyButton, Group, Stack, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconLink, IconShare } from "@tabler/icons-react";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { publicAddress } from "../api/address";
import { api } from "../api/client";
import { Allowed } from "../people/Allowed";
import { useWhyNot } from "../people/may";
import { useAccounts } from "../people/who";
import { Empty } from "../ui/Empty";
import { BasketBar } from "./basket/BasketBar";
import { useBasket } from "./basket/useBasket";
import { Compared } from "./Compared";
import { ShareDialog } from "./ShareDialog";
import type { CompareSearch } from "./search";
import { viewAddress } from "./sharedView";
import { tabLabel } from "./views";

const route = getRouteApi("/compare");

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
        {items && (
          <Group gap="xs">
            <Share items={items} search={search} />
            <CopyLink />
          </Group>
        )}
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

/** A link for a guest to what is compared, where all of it is one's own. */
function Share({ items, search }: { items: string[]; search: CompareSearch }) {
  const accounts = useAccounts();
  const whyNot = useWhyNot();
  const [opened, { open, close }] = useDisclosure(false);
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  const { data } = api.useQuery(
    "get",
    "/api/basket",
    { params: { query: { of: items } } },
    { enabled: accounts, retry: false },
  );
  if (!accounts || whyNot.launch !== undefined || !data) return null;
  const why = data.experiments.map(({ owner }) => whyNot.change(owner)).find(Boolean);
  const tab = search.tab ?? "overview";
  return (
    <>
      <Allowed why={why}>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconShare size={14} aria-hidden />}
          onClick={open}
        >
          Share
        </Button>
      </Allowed>
      <ShareDialog
        opened={opened}
        close={close}
        of={items}
        views={[
          { label: "All of it", view: viewAddress("/compare", { of: items }) },
          { label: tabLabel(tab, catalog), view: viewAddress("/compare", { ...search, tab }) },
        ]}
      />
    </>
  );
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
