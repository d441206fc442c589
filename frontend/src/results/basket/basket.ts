/** Items of a basket: `e3` an experiment, `e3:LoRA` a method of it, `r12` a run. */

// What the server takes (`backend/results/basket.py`): items, methods that are chosen, and the
// length of either list in an address.
export const MOST_ITEMS = 64;
export const MOST_LABELS = 500;
export const MOST_LINK = 6000;

export const FULL =
  `The comparison is full: it has room for ${MOST_ITEMS} items whose names take up to ` +
  `${MOST_LINK} characters in its link. Take some out first, or add whole experiments.`;

/** Whether a link can carry them, as the router writes a list. */
export function fits(texts: string[], most = MOST_ITEMS): boolean {
  return texts.length <= most && encodeURIComponent(JSON.stringify(texts)).length <= MOST_LINK;
}

/** The first of them that a link can carry. */
function fitting(items: string[]): string[] {
  let kept = items.slice(0, MOST_ITEMS);
  while (!fits(kept)) kept = kept.slice(0, -1);
  return kept;
}

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
  return items.length > 0 ? fitting([...new Set(items)]) : undefined;
}

/** The basket with the item, or without it where it has it already; as it was where it is full. */
export function toggledItem(items: string[], item: string): string[] {
  return items.includes(item) ? items.filter((other) => other !== item) : withItems(items, [item]);
}

/** The basket with these items too, as many as there is room for. */
export function withItems(items: string[], more: string[]): string[] {
  return fitting([...new Set([...items, ...more])]);
}

/** An item as people read it: `LoRA · #3 My comparison`. */
export function itemLabel(item: string, names: Map<number, string>): string {
  const parts = parsed(item);
  if (parts?.run) return `Run ${parts.run}`;
  if (!parts?.experiment) return item;
  const name = `#${parts.experiment} ${names.get(parts.experiment) ?? ""}`.trim();
  return parts.label ? `${parts.label} · ${name}` : name;
}
