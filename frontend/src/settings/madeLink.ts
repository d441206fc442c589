import type { Schemas } from "../api/client";

/** A link that was made just now, and what it is for. */
export interface MadeLink extends Pick<Schemas["LinkMadeOut"], "id" | "link" | "expires_at"> {
  title: string;
}
