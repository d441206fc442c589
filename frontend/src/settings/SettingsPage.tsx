import { Stack, Title } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useWhyNot } from "../people/may";
import { useAccounts } from "../people/who";
import { Tabbed } from "../ui/Tabbed";
import { Audit } from "./Audit";
import { Bin } from "./Bin";
import { NoticeChannels } from "./NoticeChannels";
import { People } from "./People";
import { Preferences } from "./Preferences";
import { Server } from "./Server";
import { ShareLinks } from "./ShareLinks";
import { StoredExperiments } from "./StoredExperiments";
import { type SettingsTab, TABS } from "./search";

const route = getRouteApi("/settings");

const PANELS: Record<SettingsTab, { label: string; panel: () => ReactNode }> = {
  browser: { label: "This browser", panel: Preferences },
  notices: { label: "Notices", panel: NoticeChannels },
  people: { label: "People", panel: People },
  bin: { label: "Storage", panel: StoragePanel },
  shares: { label: "Share links", panel: ShareLinks },
  audit: { label: "Audit", panel: Audit },
  server: { label: "Server", panel: ServerPanel },
};

/** What this browser prefers, and what one decides here about people and the server. */
export function SettingsPage() {
  const { tab: asked } = route.useSearch();
  const navigate = useNavigate();
  const accounts = useAccounts();
  const { launch, administer } = useWhyNot();
  if (!accounts) {
    return (
      <Stack>
        <Title order={2}>Settings</Title>
        <Preferences />
        <NoticeChannels />
        <StoragePanel />
        <Server />
      </Stack>
    );
  }
  const why = {
    browser: undefined,
    notices: undefined,
    bin: launch,
    // Also for one who makes none any more: they end those that they made.
    shares: undefined,
    people: administer,
    audit: administer,
  };
  const offered = TABS.filter((tab) => ({ ...why, server: administer })[tab] === undefined);
  const tab = offered.find((name) => name === asked) ?? "browser";
  const Panel = PANELS[tab].panel;
  const panels = Object.fromEntries(offered.map((name) => [name, PANELS[name]]));
  return (
    <Stack>
      <Title order={2}>Settings</Title>
      <Tabbed
        tab={tab}
        panels={panels as typeof PANELS}
        open={(name) => void navigate({ to: "/settings", search: { tab: name }, replace: true })}
      >
        <Panel />
      </Tabbed>
    </Stack>
  );
}

/** What takes the space of one's own, and what was deleted of it. */
function StoragePanel() {
  return (
    <Stack>
      <StoredExperiments />
      <Bin />
    </Stack>
  );
}

function ServerPanel() {
  return (
    <Stack>
      <Server />
    </Stack>
  );
}
