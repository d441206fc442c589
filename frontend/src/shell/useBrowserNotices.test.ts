import { expect, test } from "vitest";
import { leadsTo, type Notice } from "./Notices";
import { news } from "./useBrowserNotices";

const notice = (id: number, at: string, read_at: string | null = null) => ({
  id,
  at,
  read_at,
  text: `notice ${id}`,
});

test("the browser shows what is new or happened again, and nothing that was there at first", () => {
  const before = [notice(1, "1"), notice(2, "1")];
  expect(news(undefined, before)).toEqual([]);
  expect(news(before, before)).toEqual([]);
  const now = [notice(3, "2"), notice(2, "2"), notice(1, "1"), notice(4, "2", "2")];
  expect(news(before, now).map(({ id }) => id)).toEqual([3, 2]);
});

test("a notice leads to what it is about", () => {
  const to = (kind: Notice["kind"], experiment: number | null) =>
    leadsTo({ kind, experiment } as Notice);
  expect(to("mentioned", 3)).toBe("/experiments/3?tab=comments");
  expect(to("failed", 3)).toBe("/experiments/3?tab=runs");
  expect(to("verdict", 3)).toBe("/experiments/3");
  expect(to("disk", null)).toBe("/queue");
  expect(to("channel", null)).toBe("/settings?tab=notices");
});
