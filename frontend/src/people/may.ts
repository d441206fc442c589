/** What one may do here, so that the page offers nothing else. The server refuses it anyway. */

import { createContext, useContext } from "react";
import type { Schemas } from "../api/client";
import { useWho, type Who } from "./who";

/** Why one may not, in a sentence; undefined where one may. */
export type Why = string | undefined;

export interface WhyNot {
  /** Use devices, and have things of one's own. */
  launch: Why;
  /** Decide about other people and the machine. */
  administer: Why;
  /** Change what belongs to a person; undefined where the page does not know to whom. */
  change: (owner: number | null | undefined) => Why;
}

type Right = Schemas["CallerOut"]["rights"][number];

const NEEDED = { launch: "editor", admin: "administrator" } as const;
const LINK = "A shared link shows results and changes nothing.";
const OTHERS = "It belongs to somebody else: only they and administrators may change it.";
const NOBODYS = "It belongs to nobody who is here: only administrators may change it.";

export function whyNot({ person, auth, guest }: Who): WhyNot {
  if (guest) return { launch: LINK, administer: LINK, change: () => LINK };
  if (auth === "none") return { launch: undefined, administer: undefined, change: () => undefined };
  const has = (right: Right) => person?.rights.includes(right) ?? false;
  const lacks = (right: "launch" | "admin"): Why =>
    has(right) ? undefined : `This needs the role ${NEEDED[right]}; yours is ${person?.role}.`;
  return {
    launch: lacks("launch"),
    administer: lacks("admin"),
    change: (owner) => {
      if (has("admin")) return undefined;
      if (!has("launch")) return lacks("launch");
      if (owner === undefined || owner === person?.id) return undefined;
      return owner === null ? NOBODYS : OTHERS;
    },
  };
}

export function useWhyNot(): WhyNot {
  return whyNot(useWho());
}

/** To whom experiments belong, by their numbers. */
export type Owners = Readonly<Record<number, number | null>>;

const Context = createContext<Owners>({});
export const OwnersProvider = Context.Provider;

export function useOwners(): Owners {
  return useContext(Context);
}

/** Why one may not change the runs of an experiment that a table above says the owner of. */
export function useWhyNotRunsOf(experiment: number): Why {
  return useWhyNot().change(useOwners()[experiment]);
}
