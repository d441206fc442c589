/** Items of a basket: `e3` an experiment, `e3:LoRA` a method of it, `r12` a run. */

export const MOST_ITEMS = 64;

interface Item {
  experiment?: number;
  label?: string;
  run?: number;
}

const FORM = /^(?:e([1-9]\d{0,9})(?::(.+))?|r([1-9]\d{0,9}))$/;

/** What an item names, or nothing where it is malformed. */
export function parsed(item: string): Item | undefined {
  const match = FORM.exec(item);
  if (!match) return undefined;
  if (match[3]) return { run: Number(match[3]) };
  return { experiment: Number(match[1]), label: match[2] };
}

/** The items of a link that are well-formed, each once. */
export function wellFormed(raw: unknown): string[] | undefined {
  const items = (Array.isArray(raw) ? raw : [raw]).filter(
    (item): item is string => typeof item === "string" && parsed(item) !== undefined,
  );
  return items.length > 0 ? [...new Set(items)].slice(0, MOST_ITEMS) : undefined;
}

/** The basket with the item, or without it where it has it already. */
export function toggledItem(items: string[], item: string): string[] {
  return items.includes(item) ? items.filter((other) => other !== item) : [...items, item];
}

/** The basket with these items too. */
export function withItems(items: string[], more: string[]): string[] {
  return [...new Set([...items, ...more])].slice(0, MOST_ITEMS);
}

/** An item as people read it: `LoRA · #3 My comparison`. */
export function itemLabel(item: string, names: Map<number, string>): string {
  const parts = parsed(item);
  if (parts?.run) return `Run ${parts.run}`;
  if (!parts?.experiment) return item;
  const name = `#${parts.experiment} ${names.get(parts.experiment) ?? ""}`.trim();
  return parts.label ? `${parts.label} · ${name}` : name;
}
