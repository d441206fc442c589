// What jsdom lacks and Mantine asks for.
window.matchMedia = (media) =>
  ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as never;

window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
