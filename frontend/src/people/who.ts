/** Who looks at the page. Above it somebody says so; where nobody does, a server has no accounts. */

import { createContext, useContext } from "react";
import { serverAddress } from "../api/address";
import { api, type Schemas } from "../api/client";

export type Me = Schemas["MeOut"];
export type Role = Schemas["CallerOut"]["role"];

export interface Who {
  /** Nobody where the server has no accounts, and for a guest. */
  person: Schemas["CallerOut"] | null;
  /** How people come to the server; where that is `none`, the page shows nothing of people. */
  auth: Me["auth"];
  /** Whether they have come by a share link. */
  guest: boolean;
  /** Where others find the server. */
  url: string;
}

const HERE: Who = { person: null, auth: "none", guest: false, url: serverAddress() };
export const GUEST: Who = { ...HERE, guest: true };

const Context = createContext<Who>(HERE);
export const WhoProvider = Context.Provider;

export function useWho(): Who {
  return useContext(Context);
}

/** Whether there are people to tell apart here. */
export function useAccounts(): boolean {
  return useWho().auth !== "none";
}

/** Who asks, as the server says; it is asked again where the server does not know any more. */
export const ME = api.queryOptions("get", "/api/me", {}, { staleTime: Number.POSITIVE_INFINITY });

/** What the pages are told of the answer. */
export function whoOf({ auth, person }: Me): Who {
  return { ...HERE, person, auth };
}
