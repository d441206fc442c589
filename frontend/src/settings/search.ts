import { defined, oneOf, type Raw } from "../ui/searchParams";

export const TABS = ["browser", "notices", "people", "shares", "bin", "audit", "server"] as const;
export type SettingsTab = (typeof TABS)[number];

export interface SettingsSearch {
  tab?: SettingsTab;
}

export function settingsSearch(raw: Raw): SettingsSearch {
  return defined({ tab: oneOf(raw.tab, TABS) });
}
