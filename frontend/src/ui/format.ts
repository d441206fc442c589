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
export function estimate(value: { mean: number; std: number | null }): string {
  if (value.std === null || value.std === 0) return quantity(value.mean);
  return `${quantity(value.mean)} ± ${trimmed(value.std, 2)}`;
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

/** The time between two times. */
export function duration(from: string | null, to: string | null): string {
  if (!from || !to) return "–";
  return seconds((new Date(to).getTime() - new Date(from).getTime()) / 1000);
}

const HEADINGS: Record<string, string> = {
  n: "Seeds",
  count: "Seeds",
  std: "± over seeds",
  run_id: "Run",
  phi: "φ(i, j)",
  i: "i",
  j: "j",
};

/** The name of a column as a heading: `batch_size` becomes `Batch size`. */
export function heading(name: string): string {
  const words = name.replace(/_/g, " ");
  return HEADINGS[name] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** `Training time (s)`; without a unit the label alone. */
export function withUnit(label: string, unit: string): string {
  return unit ? `${label} (${unit})` : label;
}

/** Seconds as `42 s`, `3 min 5 s` or `2 h 10 min`. */
export function seconds(amount: number): string {
  const whole = Math.round(amount);
  if (whole < 60) return `${amount < 10 ? Number(amount.toPrecision(2)) : whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}

/** An estimated time, without digits that nobody can know. */
export function roughly(amount: number): string {
  if (amount < 60) return `${Math.max(1, Math.round(amount / 5) * 5)} s`;
  const minutes = Math.round(amount / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Bytes as `420 MB` or `1.3 GB`. */
export function bytes(amount: number): string {
  if (amount >= 1e9) return `${trimmed(amount / 1e9, 3)} GB`;
  if (amount >= 1e6) return `${trimmed(amount / 1e6, 3)} MB`;
  return `${trimmed(amount / 1e3, 3)} kB`;
}
