/**
 * Where the server is: at `/`, or under a path that a proxy gives it. The server says so in the page
 * (backend/web/page.py). Every address of the API that leaves this page goes through `address`.
 */

function said(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";
}

/** The path of the server, such as `/lora`; empty where it has none. */
export const ROOT = said("loraone-root");

/** What a browser asks for to reach a path of the server. */
export function address(path: string): string {
  return `${ROOT}${path}`;
}

/**
 * Where the views begin: at the server's path, but for whoever has opened the page beside the proxy,
 * on the machine itself.
 */
export function basePath(here: string = window.location.pathname): string {
  return `${here}/`.startsWith(`${ROOT}/`) ? ROOT || "/" : "/";
}

/** The address of a view as others can open it, wherever this page was opened. */
export function publicAddress(here: URL = new URL(window.location.href)): string {
  const url = said("loraone-url");
  if (!url) return here.href;
  const base = basePath(here.pathname);
  const view = base === "/" ? here.pathname : here.pathname.slice(base.length);
  return `${url}${view}${here.search}${here.hash}`;
}

/** Where others find the server, without a slash at its end. */
export function serverAddress(here: URL = new URL(window.location.href)): string {
  return said("loraone-url") || `${here.origin}${ROOT}`;
}
