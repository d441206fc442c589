/** Values of a spec at dotted paths such as `grid.ranks`. */

export function valueAt(spec: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], spec);
}

/** A copy of `spec` with `value` at `path`. */
export function withValue<T>(spec: T, path: string, value: unknown): T {
  const [key = "", ...rest] = path.split(".");
  const node = spec as Record<string, unknown>;
  const inner = rest.length > 0 ? withValue(node[key], rest.join("."), value) : value;
  if (Array.isArray(spec)) return spec.map((item, i) => (i === Number(key) ? inner : item)) as T;
  return { ...node, [key]: inner } as T;
}

/** The values at a path whose `*` stands for every element of a list: `methods.*.optimizer`. */
export function valuesAt(spec: unknown, path: string): unknown[] {
  const [head = "", rest] = path.split(".*.", 2);
  if (rest === undefined) return [valueAt(spec, head)];
  const list = valueAt(spec, head);
  return Array.isArray(list) ? list.flatMap((item) => valuesAt(item, rest)) : [];
}
