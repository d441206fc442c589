/** Notices as the browser's own notifications, for those who turned them on in this browser. */

import { useLocalStorage } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import type { Schemas } from "../api/client";

type Told = Pick<Schemas["NoticeOut"], "id" | "text" | "at" | "read_at">;

/** Those that are new or happened again since the ones before; at first none is. */
export function news(before: Told[] | undefined, now: Told[]): Told[] {
  if (before === undefined) return [];
  const known = new Map(before.map(({ id, at }) => [id, at]));
  return now.filter(({ id, at, read_at }) => read_at === null && known.get(id) !== at);
}

/** Shows those that are new as notifications, where that is on. */
export function useNotifications(on: boolean, notices: Told[] | undefined) {
  const before = useRef<Told[] | undefined>(undefined);
  useEffect(() => {
    if (notices === undefined) return;
    const told = news(before.current, notices);
    before.current = notices;
    if (!on) return;
    // Of the same notice only the last is shown.
    for (const { id, text } of told) new Notification("LoRA-One Lab", { body: text, tag: `${id}` });
  }, [notices, on]);
}

/** Whether this browser notifies, and how that is turned on and off. */
export function useBrowserNotices() {
  const [on, setOn] = useLocalStorage({
    key: "browser notices",
    defaultValue: false,
    getInitialValueInEffect: false,
  });
  const possible = typeof Notification !== "undefined";
  return {
    on: on && possible && Notification.permission === "granted",
    refused: !possible || Notification.permission === "denied",
    turn: async (wanted: boolean) => {
      setOn(wanted && (await Notification.requestPermission()) === "granted");
    },
  };
}
