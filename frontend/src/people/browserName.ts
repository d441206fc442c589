/** The first that fits: most browsers also call themselves what they descend from. */
const BROWSERS: [RegExp, string][] = [
  [/Edg(e|A|iOS)?\//, "Edge"],
  [/OPR\//, "Opera"],
  [/(Firefox|FxiOS)\//, "Firefox"],
  [/(Chrome|CriOS|Chromium)\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** What a browser says of itself, in words that people know it by: “Firefox on Linux”. */
export function browserName(said: string): string {
  const fits = ([pattern]: [RegExp, string]) => pattern.test(said);
  const browser = BROWSERS.find(fits)?.[1];
  const system = SYSTEMS.find(fits)?.[1];
  if (browser === undefined) return said || "An unknown browser";
  return system === undefined ? browser : `${browser} on ${system}`;
}
