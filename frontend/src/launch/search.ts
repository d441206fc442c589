import { defined, type Raw, text, whole } from "../ui/searchParams";

export interface LaunchSearch {
  preset?: string;
  /** The experiment, or the single run, that is the template. */
  from?: number;
  run?: number;
}

export function launchSearch(raw: Raw): LaunchSearch {
  return defined({ preset: text(raw.preset), from: whole(raw.from), run: whole(raw.run) });
}
