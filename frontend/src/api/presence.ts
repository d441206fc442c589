/** Which experiment the page shows, and who else looks at it; the feed tells (live.ts). */

import { useSyncExternalStore } from "react";
import type { Schemas } from "./client";

export type Looking = Pick<Schemas["PersonOut"], "id" | "name" | "colour">;

interface Said {
  experiment: number;
  people: Looking[];
}

const NOBODY: Looking[] = [];

let place: number | undefined;
let people = NOBODY;
const moving = new Set<() => void>();
const watching = new Set<() => void>();

/** The experiment of a view's path, such as `/experiments/12`. */
export function experimentOf(path: string): number | undefined {
  const found = /\/experiments\/([1-9]\d{0,9})\/?$/.exec(path);
  return found ? Number(found[1]) : undefined;
}

/** The page shows this experiment from now on. */
export function goTo(experiment: number | undefined): void {
  if (experiment === place) return;
  place = experiment;
  nobody();
  for (const tell of moving) tell();
}

export function here(): number | undefined {
  return place;
}

/** `tell` is called whenever the page shows another experiment; the returned function ends it. */
export function whenMoved(tell: () => void): () => void {
  moving.add(tell);
  return () => moving.delete(tell);
}

/** The feed says who is there; of a place that was left it says nothing. */
export function there(said: Said): void {
  if (said.experiment !== place) return;
  people = said.people;
  for (const tell of watching) tell();
}

/** Nobody knows who is there. */
export function nobody(): void {
  if (people === NOBODY) return;
  people = NOBODY;
  for (const tell of watching) tell();
}

function watch(tell: () => void): () => void {
  watching.add(tell);
  return () => watching.delete(tell);
}

/** Who looks at the experiment that the page shows. */
export function useLooking(): Looking[] {
  return useSyncExternalStore(watch, () => people);
}
