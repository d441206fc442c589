import { afterEach, expect, test, vi } from "vitest";

const sources = import.meta.glob<string>("../**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
});

async function pageOf(root: string, url = "") {
  document.head.innerHTML = `<meta name="loraone-root" content="${root}">
    <meta name="loraone-url" content="${url}">`;
  vi.resetModules();
  return import("./address");
}

afterEach(() => {
  document.head.innerHTML = "";
});

test("addresses are the server's own where it has no path", async () => {
  const { address, basePath } = await pageOf("");
  expect(address("/api/queue")).toBe("/api/queue");
  expect(basePath("/history")).toBe("/");
});

test("addresses and views are under the server's path", async () => {
  const { address, basePath } = await pageOf("/lora");
  expect(address("/api/queue")).toBe("/lora/api/queue");
  expect(basePath("/lora/history")).toBe("/lora");
  expect(basePath("/lora")).toBe("/lora");
});

test("whoever opens the page beside the proxy has its views at the top", async () => {
  const { basePath } = await pageOf("/lora");
  expect(basePath("/history")).toBe("/");
  expect(basePath("/lorax")).toBe("/");
});

test.each([
  ["http://127.0.0.1:8111/compare?of=e1#a", "https://lab.example.org/lora/compare?of=e1#a"],
  ["https://lab.example.org/lora/compare?of=e1", "https://lab.example.org/lora/compare?of=e1"],
  ["http://127.0.0.1:8111/lora/compare", "https://lab.example.org/lora/compare"],
])("a link to %s is the public one", async (here, link) => {
  const { publicAddress } = await pageOf("/lora", "https://lab.example.org/lora");
  expect(publicAddress(new URL(here))).toBe(link);
});

test("without a public address a link is what the browser shows", async () => {
  const { publicAddress } = await pageOf("");
  const here = "http://127.0.0.1:8111/compare?of=e1";
  expect(publicAddress(new URL(here))).toBe(here);
});

/** What a browser would ask the top of the host for: an address that has not gone through `address`. */
const ABSOLUTE = [
  /(fetch|EventSource|window\.open|sendBeacon|Worker)\(\s*["'`]\//,
  /\b(href|src|action|formAction)=\{?\s*["'`]\//,
  /\b(href|src|action|url|baseUrl)\s*[:=]\s*["'`]\//,
  /["'`]\/assets\//,
  /location\.(origin|host)\b/,
];

test("no address leaves out the server's path", () => {
  const found = Object.entries(sources)
    .filter(([file]) => !file.includes(".test.") && !file.endsWith("/schema.ts"))
    .flatMap(([file, text]) =>
      text
        .split("\n")
        .filter((line) => ABSOLUTE.some((pattern) => pattern.test(line)))
        .map((line) => `${file}: ${line.trim()}`),
    );
  expect(Object.keys(sources).length).toBeGreaterThan(100);
  expect(found).toEqual([]);
});

test.each([
  'await fetch("/api/tables/parquet", {',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a source
  "href={`/api/runs/${run.id}/adapter.zip`}",
  'url: "/api/openapi.json",',
  '<img src="/assets/logo.svg" />',
  "new EventSource(`/api/changes`)",
])("such an address is found: %s", (line) => {
  expect(ABSOLUTE.some((pattern) => pattern.test(line))).toBe(true);
});
