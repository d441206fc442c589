import { Tabs } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";

interface Props<T extends string> {
  tab: T;
  panels: Record<T, { label: string }>;
  open: (tab: T) => void;
  children: ReactNode;
}

/** A row of tabs, the chosen one in sight, and its panel. */
export function Tabbed<T extends string>({ tab, panels, open, children }: Props<T>) {
  const list = useRef<HTMLDivElement>(null);
  // On a narrow screen the chosen tab may lie outside of the list: it is scrolled into it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever the tab changes
  useEffect(() => {
    const chosen = list.current?.querySelector<HTMLElement>('[aria-selected="true"]');
    if (list.current && chosen) {
      list.current.scrollLeft = chosen.offsetLeft - list.current.clientWidth / 3;
    }
  }, [tab]);
  return (
    <Tabs value={tab} onChange={(value) => open(value as T)} keepMounted={false}>
      <Tabs.List ref={list} style={{ flexWrap: "nowrap", overflowX: "auto", overflowY: "hidden" }}>
        {(Object.entries(panels) as [T, { label: string }][]).map(([name, { label }]) => (
          <Tabs.Tab key={name} value={name} style={{ flexShrink: 0 }}>
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value={tab} pt="md">
        {children}
      </Tabs.Panel>
    </Tabs>
  );
}
