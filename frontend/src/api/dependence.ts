/** Which answers are other ones after a change: by its kind, and by whose it is. */

import type { paths } from "./schema";

/** What the feed tells of. */
export type Kind =
  /** A run has begun its next phase: what the one before measured is stored. */
  | "phase"
  | "metric"
  | "alignment"
  | "report"
  | "status"
  | "lanes"
  | "experiment"
  | "notes"
  | "comments"
  | "notices"
  | "views";

/** A change: its kind, and the experiment and the run it is about; 0 where it is about none. */
export interface Happening {
  kind: Kind;
  experiment: number;
  run: number;
}

/** Whose changes an answer depends on: those of all experiments, or of what it was asked about. */
type Whose = "all" | "asked";
interface Dependence {
  whose: Whose;
  kinds: readonly Kind[];
}

/** An answer that stays the same while the server is the same one, or is kept nowhere. */
const CONSTANT: Dependence = { whose: "all", kinds: [] };
const RESULTS = { whose: "asked", kinds: ["status"] } as const;
const LAYERS = { whose: "asked", kinds: ["status", "phase", "report"] } as const;

type Reading = {
  [Path in keyof paths]: paths[Path] extends { get: { responses: unknown } } ? Path : never;
}[keyof paths];
/** Answers to a POST that are kept like those to a GET: what was asked is too long for a URL. */
type Asking = "/api/plan" | "/api/markdown";

export const DEPENDENCES: Record<Reading | Asking, Dependence> = {
  "/api/catalog": CONSTANT,
  "/api/changes": CONSTANT,
  "/api/health": CONSTANT,
  "/api/ready": CONSTANT,
  "/api/sign-in/oidc": CONSTANT,
  "/api/sign-in/oidc/callback": CONSTANT,
  "/metrics": CONSTANT,
  "/api/markdown": CONSTANT,
  // Who one is decides what the page is: it is asked anew where the server does not know any more.
  "/api/me": CONSTANT,
  // What people do to people is told by no feed: their tables are read when they are opened, and
  // after each change that is made in them.
  "/api/audit": CONSTANT,
  "/api/audit/actions": CONSTANT,
  "/api/audit/file": CONSTANT,
  "/api/invitations": CONSTANT,
  "/api/me/sign-ins": CONSTANT,
  "/api/people": CONSTANT,
  "/api/people/{person_id}/quotas": { whose: "all", kinds: ["status"] },
  "/api/tokens": CONSTANT,
  "/api/shared": CONSTANT,
  "/api/shares": CONSTANT,
  // Estimates are corrected by what finished runs took.
  "/api/plan": { whose: "all", kinds: ["status"] },
  "/api/queue": { whose: "all", kinds: ["status", "lanes", "phase", "experiment"] },
  "/api/bin": { whose: "all", kinds: ["status", "experiment"] },
  "/api/bin/selected": { whose: "all", kinds: ["status"] },
  "/api/storage": { whose: "all", kinds: ["status", "experiment"] },
  "/api/server": { whose: "all", kinds: ["status", "experiment"] },
  "/api/views": { whose: "all", kinds: ["views"] },
  "/api/experiments": { whose: "all", kinds: ["status", "experiment"] },
  "/api/experiments/{experiment_id}": {
    whose: "asked",
    kinds: ["status", "phase", "alignment", "experiment", "comments"],
  },
  "/api/experiments/{experiment_id}/notes": { whose: "asked", kinds: ["notes"] },
  "/api/experiments/{experiment_id}/comments": { whose: "asked", kinds: ["comments"] },
  // Whom it is shared with decides who can be mentioned.
  "/api/experiments/{experiment_id}/commenters": { whose: "asked", kinds: ["experiment"] },
  "/api/notices": { whose: "all", kinds: ["notices"] },
  "/api/notices/channels": { whose: "all", kinds: ["notices"] },
  "/api/basket": { whose: "asked", kinds: ["status", "phase", "alignment", "experiment"] },
  // What experiments differ in is told by their names.
  "/api/overview": { whose: "asked", kinds: ["status", "experiment"] },
  "/api/runs": RESULTS,
  "/api/runs/{run_id}": { whose: "asked", kinds: ["status", "phase"] },
  "/api/runs/{run_id}/log": { whose: "asked", kinds: ["status", "phase"] },
  "/api/runs/{run_id}/template": CONSTANT,
  "/api/figures/curves": { whose: "asked", kinds: ["status", "metric", "report"] },
  "/api/figures/learning-rate": RESULTS,
  "/api/figures/cost": RESULTS,
  "/api/figures/heatmap": LAYERS,
  "/api/figures/spectra": LAYERS,
  "/api/figures/step0": LAYERS,
  "/api/figures/columns": LAYERS,
  "/api/figures/overlap": LAYERS,
  "/api/figures/alignment": { whose: "asked", kinds: ["status", "alignment"] },
  "/api/figures/alignment-layers": { whose: "asked", kinds: ["status", "alignment"] },
  // Downloads: the browser takes them, the page keeps none.
  "/api/experiments/file": CONSTANT,
  "/api/experiments/{experiment_id}/export.json": CONSTANT,
  "/api/experiments/{experiment_id}/report.html": CONSTANT,
  "/api/runs/file": CONSTANT,
  "/api/measured/metrics": CONSTANT,
  "/api/measured/spectra": CONSTANT,
  "/api/measured/alignment": CONSTANT,
  "/api/runs/{run_id}/adapter.zip": CONSTANT,
};

/** Whether a kept answer may be another one since then. */
export function isOutdated(key: readonly unknown[], since: Happening): boolean {
  const { path, experiments, runs } = askedBy(key);
  const { whose, kinds }: Dependence = DEPENDENCES[path as Reading] ?? CONSTANT;
  if (!kinds.includes(since.kind)) return false;
  return whose === "all" || experiments.includes(since.experiment) || runs.includes(since.run);
}

interface Asked {
  path: string;
  experiments: number[];
  runs: number[];
}

interface Init {
  params?: {
    path?: { experiment_id?: number; run_id?: number };
    query?: { of?: string[] };
  };
}

/** What a query asks about: `[method, path, init]` of the API, or `[figure or records, URL]`. */
function askedBy(key: readonly unknown[]): Asked {
  if (key[0] === "figure" || key[0] === "records") {
    const url = new URL(String(key[1]), "http://page");
    return { path: url.pathname, ...inBasket(url.searchParams.getAll("of")) };
  }
  const { path, query } = (key[2] as Init | undefined)?.params ?? {};
  const { experiments, runs } = inBasket(query?.of ?? []);
  if (path?.experiment_id !== undefined) experiments.push(path.experiment_id);
  if (path?.run_id !== undefined) runs.push(path.run_id);
  return { path: String(key[1]), experiments, runs };
}

/** The first letter and the number of an item: `e3`, `e3:LoRA`, `r12`. */
const ITEM = /^([er])([1-9]\d*)/;

/** That runs of a basket have another status. */
export function otherStatus(of: string[]): Happening[] {
  const { experiments, runs } = inBasket(of);
  return [
    ...experiments.map((experiment) => ({ kind: "status", experiment, run: 0 }) as const),
    ...runs.map((run) => ({ kind: "status", experiment: 0, run }) as const),
  ];
}

/** A method of an experiment stands for the whole: its numbers depend on the best of all seeds. */
function inBasket(items: string[]): Omit<Asked, "path"> {
  const numbers = (letter: string) =>
    items.flatMap((item) => {
      const match = ITEM.exec(item);
      return match?.[1] === letter ? [Number(match[2])] : [];
    });
  return { experiments: numbers("e"), runs: numbers("r") };
}
