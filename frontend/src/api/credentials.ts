/** What requests come with beside the browser's cookie, and who is told when that is not enough. */

let share: string | undefined;

/** Come with the secret of a share link from now on, or with the cookie alone again. */
export function comeWith(secret: string | undefined): void {
  share = secret;
}

/** Whether one came by a share link: an address alone then opens nothing. */
export function isGuest(): boolean {
  return share !== undefined;
}

/** The headers that say who asks; none where the cookie does. */
export function credentials(): Record<string, string> {
  return share === undefined ? {} : { Authorization: `Share ${share}` };
}

const watching = new Set<() => void>();

/** Be told when the server does not know who asks; the returned function ends it. */
export function whenUnknown(tell: () => void): () => void {
  watching.add(tell);
  return () => void watching.delete(tell);
}

/** The server does not know who asks (any more). */
export function unknown(): void {
  for (const tell of watching) tell();
}
