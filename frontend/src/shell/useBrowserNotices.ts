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

export function useBrowserNotices(notices: Told[] | undefined) {
  const [on, setOn] = useLocalStorage({ key: "browser notices", defaultValue: false });
  const before = useRef<Told[] | undefined>(undefined);
  const possible = typeof Notification !== "undefined";
  useEffect(() => {
    if (notices === undefined) return;
    const told = news(before.current, notices);
    before.current = notices;
    if (!on || !possible || Notification.permission !== "granted") return;
    // Of the same notice only the last is shown.
    for (const { id, text } of told) new Notification("LoRA-One Lab", { body: text, tag: `${id}` });
  }, [notices, on, possible]);
  return {
    on: on && possible && Notification.permission === "granted",
    refused: !possible || Notification.permission === "denied",
    turn: async (wanted: boolean) => {
      setOn(wanted && (await Notification.requestPermission()) === "granted");
    },
  };
}
