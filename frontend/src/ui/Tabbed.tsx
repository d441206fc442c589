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
      <div ref={list} style={{ overflowX: "auto", overflowY: "hidden" }}>
        {/* As wide as its tabs, so that the line below is under all of them. */}
        <Tabs.List style={{ flexWrap: "nowrap", width: "max-content", minWidth: "100%" }}>
          {(Object.entries(panels) as [T, { label: string }][]).map(([name, { label }]) => (
            <Tabs.Tab key={name} value={name}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
      </div>
      <Tabs.Panel value={tab} pt="md">
        {children}
      </Tabs.Panel>
    </Tabs>
  );
}
