import type { Schemas } from "../api/client";

type Person = Schemas["PersonOut"];

/** Whether somebody launched or wrote something and has no account. */
export function isNamed({ more }: Person): boolean {
  return more?.source === "named";
}

/** How somebody signs in, in a few words. */
export function state(person: Person): string {
  if (isNamed(person)) return "a name alone";
  if (person.more?.disabled) return "disabled";
  const source = person.more?.source;
  return source === "local" ? "with a password" : `by ${source}`;
}
