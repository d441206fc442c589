import type { Schemas } from "../api/client";

/** The kinds of notices that one can choose among. */
export type NoticeKind = Schemas["NoticeChoiceIn"]["kinds"][number];

export const NOTICE_KINDS: Record<NoticeKind, string> = {
  finished: "An experiment of mine has finished",
  failed: "Runs of mine failed",
  verdict: "A method is ahead in an experiment of mine",
  mentioned: "Somebody mentioned me",
  lane: "A lane lost its run",
  disk: "The disk is filling up",
};
export const EVERY_KIND = Object.keys(NOTICE_KINDS) as NoticeKind[];
