(() => {
  const CONTROLS = "button, [role=menuitem], [role=tab], input[type=checkbox], input[type=radio]";
  const NOT =
    "[aria-hidden=true], th *, .modebar *, [aria-label=Presets] *, .mantine-Notifications-root *";
  // Also what takes away others that are still to be pressed.
  const LEADING_AWAY =
    /^(Delete|End|Let in|Archive|Launch|Send|Link for a new|Take out|Remove|Discard|Reset)/;
  const SIGNING_OUT = /^Sign out/;
  const CLOSING = /^(Close|Leave|Cancel$)/;
  const OF_A_FIGURE = /^(Comments on(?! run)|Full screen:|Data as a table:|Data of:) .*/;
  const FILE = /^.* (as CSV|as Parquet)$/;
  let underway = 0, button = "", sent = [];
  const disabled = new Set(), files = new Set();

  const real = window.fetch;
  window.fetch = async (request, more) => {
    const { pathname } = new URL(request.url ?? request, location.href);
    const method = request.method ?? more?.method ?? "GET";
    const row = { method, path: pathname, status: 0, button };
    sent.push(row);
    underway += 1;
    try {
      const answer = await real(request, more);
      row.status = answer.status;
      return answer;
    } finally {
      underway -= 1;
    }
  };
  const moment = () => new Promise((done) => setTimeout(done, 5));
  const until = async (holds, most) => {
    for (let i = 0; !holds() && i < most; i += 1) await moment();
  };
  const settled = async () => {
    await moment();
    await moment();
    await until(() => underway === 0, 1000);
    await moment();
  };
  const loaded = async () => {
    await settled();
    await until(() => underway === 0 && isDrawn(), 1000);
    await settled();
  };

  const isDrawn = () =>
    [...document.querySelectorAll("h1, h2, h3, h4, [role=tab]")].some(isSeen) &&
    !document.querySelector(".mantine-Skeleton-root, .mantine-Loader-root");
  const isSeen = (node) => node.checkVisibility() && node.getClientRects().length > 0;
  const plain = (text) => (text ?? "").replace(/\d+/g, "#").replace(/\s+/g, " ").trim();
  const named = (node) =>
    plain(
      node.getAttribute("aria-label") || node.innerText || node.title || node.labels?.[0]?.innerText,
    )
      .replace(OF_A_FIGURE, "$1 a figure").replace(FILE, "$1");
  const place = (node) => {
    const around = node.parentElement?.closest("[aria-label], [role=dialog], [role=menu]");
    const page = node.closest("header") ? "every page" : plain(location.pathname);
    const label = (around && named(around) && around.getAttribute("aria-label")) ?? around?.role;
    return `${page} ${plain(label).replace(OF_A_FIGURE, "$1 a figure")}`.trim();
  };
  const key = (node) => `${place(node)}: ${named(node)}`;
  const rank = (node) => {
    if (CLOSING.test(named(node))) return 4;
    if (SIGNING_OUT.test(named(node))) return 3;
    return LEADING_AWAY.test(named(node)) ? 2 : node.role === "tab" ? 1 : 0;
  };
  const layer = () =>
    [...document.querySelectorAll("[role=dialog], [role=menu]")].filter(isSeen).at(-1);
  const controls = (within) =>
    [...within.querySelectorAll(CONTROLS)]
      .filter((node) => isSeen(node) && !node.matches(NOT))
      .filter((node) => !isForm() || !node.matches("input"))
      .sort((a, b) => rank(a) - rank(b));
  const isForm = () => location.pathname.endsWith("/launch");
  const isSignedOut = () =>
    [...document.querySelectorAll("h1, h2")].some((node) => node.innerText === "Sign in");

  const press = async (node) => {
    button = key(node);
    node.click();
    await settled();
  };
  // What a busy machine shows some moments after its requests were answered.
  const followed = async (open) => {
    const name = button.split(": ").at(-1);
    if (SIGNING_OUT.test(name)) await until(isSignedOut, 2000);
    if (name.endsWith("…")) await until(() => layer() && layer() !== open, 400);
  };
  const close = async (open, opener) => {
    const escape = { key: "Escape", code: "Escape", bubbles: true };
    open.dispatchEvent(new KeyboardEvent("keydown", escape));
    await until(() => layer() !== open, 60);
    if (layer() === open) opener?.click();
    await until(() => layer() !== open, 60);
  };
  const undone = async () => {
    for (const undo of document.querySelectorAll(".mantine-Notifications-root button")) {
      if (undo.innerText !== "Undo") continue;
      // Whoever leaves the page means what will be done.
      if (/will be/.test(undo.parentElement.innerText)) window.dispatchEvent(new Event("pagehide"));
      else undo.click();
      await settled();
    }
  };
  const look = (all) => {
    for (const node of all) {
      if (node.disabled && !node.closest("[aria-busy=true], [data-loading]")) disabled.add(key(node));
    }
    for (const link of document.querySelectorAll("a[href*='/api/']")) {
      files.add(link.getAttribute("href"));
    }
  };

  window.pressAll = async (before) => {
    const known = new Set(before), pressed = [], leaves = [], here = location.pathname;
    const told = (all) => {
      const said = { pressed, leaves, sent, disabled: [...disabled], files: [...files], all };
      sent = [];
      return said;
    };
    // What opened the menu or the dialog, and whether more stands in it than was pressed.
    let opener, opened, more = false;
    await loaded();
    for (;;) {
      const open = layer();
      if (!open && more && isSeen(opener)) {
        more = false;
        await press(opener);
        continue;
      }
      const all = controls(open ?? document);
      look(all);
      const left = all.filter(
        (node) => !node.disabled && node.ariaDisabled !== "true" && !known.has(key(node)),
      );
      const refusing = open && all.find((node) => named(node) === "Not now");
      const next = refusing ?? left[0];
      if (!next && !open) return told(true);
      if (!next) {
        await close(open, opener);
        if (layer() === open) throw new Error(`${button} cannot be closed`);
        continue;
      }
      if (!open) {
        opener = next;
        opened = key(next);
      }
      more = open !== undefined && left.length > 1 && !refusing;
      known.add(key(next));
      pressed.push(key(next));
      const { role } = next;
      await press(next);
      await followed(open);
      if (!open && !layer() && role !== "tab") leaves.push(button);
      // A menu takes a while to go.
      if (refusing || (open && role === "menuitem")) await until(() => layer() !== open, 60);
      if (role === "tab") await loaded();
      await undone();
      if (location.pathname !== here || isSignedOut()) {
        if (more) pressed.splice(pressed.indexOf(opened), 1); // for what else stands in it
        return told(false);
      }
    }
  };
})();
