/** Numbers, times and statuses as people read them. */

const PHASES: Record<string, string> = {
  start: "starting the worker",
  load: "loading",
  head: "warming up the head",
  gradient: "taking the gradient",
  spectra: "spectra",
  svd: "decomposing",
  init: "initialising",
  trust: "gradient trust",
  hessian: "measuring the curvature",
  train: "training",
  measure: "measuring",
  export: "writing the adapter",
};

export function phaseLabel(phase: string | null): string {
  return phase ? (PHASES[phase] ?? phase) : "";
}

/** Four significant digits; thousands as 336 k, millions as 10.6 M. */
export function quantity(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6) return `${trimmed(value / 1e6, 3)} M`;
  if (size >= 1e4) return `${trimmed(value / 1e3, 3)} k`;
  if (size < 1e-3) return value.toExponential(2);
  return trimmed(value, 4);
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** `1.316 ± 0.02`; without a deviation the mean alone. */
export function estimate(found: { mean: number; std: number | null }): string {
  if (found.std === null) return quantity(found.mean);
  return `${quantity(found.mean)} ± ${trimmed(found.std, 2)}`;
}

/** A learning rate, `5e-4` rather than `0.0005`. */
export function rate(value: number): string {
  return value >= 0.01 ? String(value) : value.toExponential().replace("e-", "e−");
}

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
  [Number.POSITIVE_INFINITY, "year"],
];

/** `3 minutes ago`. */
export function ago(iso: string, now: Date = new Date()): string {
  let amount = (new Date(iso).getTime() - now.getTime()) / 1000;
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [size, unit] of STEPS) {
    if (Math.abs(amount) < size) return words.format(Math.round(amount), unit);
    amount /= size;
  }
  return iso;
}

/** Seconds between two times, as `42 s` or `3 min 5 s`. */
export function duration(from: string | null, to: string | null): string {
  if (!from || !to) return "–";
  const seconds = Math.round((new Date(to).getTime() - new Date(from).getTime()) / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `3 · query` for `bert.encoder.layer.3.attention.self.query`. */
export function layerLabel(name: string): string {
  const match = /\.(\d+)\.(.*)$/.exec(name);
  if (!match) return name;
  const module = match[2] ?? "";
  const words: Record<string, string> = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attention output",
    "intermediate.dense": "feed-forward up",
    "output.dense": "feed-forward down",
  };
  return `${match[1]} · ${words[module] ?? module}`;
}
