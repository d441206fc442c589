/** The history's search as text: terms such as `method:lora-one`, apart by spaces. */

/** The terms of a search; quotes hold words together. */
export function terms(query: string): string[] {
  return query.match(/-?(?:[a-z_]+(?::|>=|<=|>|<|=))?(?:"[^"]*"|\S+)/gi) ?? [];
}

/** `key:value`, quoted where the value has spaces. */
export function term(key: string, value: string): string {
  return /\s/.test(value) ? `${key}:"${value}"` : `${key}:${value}`;
}

export function has(query: string, wanted: string): boolean {
  return terms(query).includes(wanted);
}

/** The search with the term, or without it where it was there. */
export function toggled(query: string, wanted: string): string {
  const known = terms(query);
  const next = known.includes(wanted)
    ? known.filter((other) => other !== wanted)
    : [...known, wanted];
  return next.join(" ");
}
