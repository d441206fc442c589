// What jsdom lacks and Mantine asks for.
window.matchMedia = (media) =>
  ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as never;

window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
Object.defineProperty(document, "fonts", { value: new EventTarget() });

// The page asks for addresses without a host, and its client takes this as it is when it is read.
const Asked = globalThis.Request;
globalThis.Request = class extends Asked {
  constructor(url: string, init: RequestInit) {
    super(new URL(url, "http://lab.test"), { ...init, signal: null });
  }
} as typeof Request;
