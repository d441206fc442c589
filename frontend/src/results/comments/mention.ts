/** Mentions while they are typed: `@ada`, `@"Ada Lovelace"`. */

export interface Begun {
  /** Where its @ stands. */
  at: number;
  /** What was typed of the name, in lower case. */
  typed: string;
}

const BEGUN = /(?:^|[^\w@/])@("?)([^"@\n]{0,100})$/;
/** A name that can be written without quotation marks. */
const PLAIN = /^\w[\w.+-]*$/;
const MOST_OFFERED = 6;

/** The mention that is being typed before the caret, if one is. */
export function begun(text: string, caret: number): Begun | undefined {
  const match = BEGUN.exec(text.slice(0, caret));
  const [, quote, typed] = match ?? [];
  if (quote === undefined || typed === undefined) return undefined;
  return { at: caret - typed.length - quote.length - 1, typed: typed.toLowerCase() };
}

/** The names that begin so, then those with a later word that does. */
export function offered<P extends { name: string }>(people: P[], { typed }: Begun): P[] {
  const first = people.filter(({ name }) => name.toLowerCase().startsWith(typed));
  const later = people.filter(
    (person) => !first.includes(person) && person.name.toLowerCase().includes(` ${typed}`),
  );
  return [...first, ...later].slice(0, MOST_OFFERED);
}

/** The text with the whole name in place of what was typed, and where the caret is then. */
export function completed(text: string, caret: number, { at }: Begun, name: string) {
  const mention = `@${PLAIN.test(name) ? name : `"${name}"`} `;
  const rest = text.slice(caret).replace(/^ /, "");
  return { text: text.slice(0, at) + mention + rest, caret: at + mention.length };
}
