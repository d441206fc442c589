import { expect, test } from "vitest";
import { browserName } from "./browserName";

test("a browser is called as people know it, a program as it calls itself", () => {
  const chrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";
  expect(browserName(chrome)).toBe("Chrome on Linux");
  expect(browserName(`${chrome.replace("X11; Linux x86_64", "Windows NT 10.0")} Edg/156.0`)).toBe(
    "Edge on Windows",
  );
  const safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1";
  expect(browserName(safari)).toBe("Safari on iOS");
  expect(browserName("python-httpx2/1.0")).toBe("python-httpx2/1.0");
  expect(browserName("")).toBe("An unknown browser");
});
