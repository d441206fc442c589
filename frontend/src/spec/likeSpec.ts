import type { ExperimentSpec } from "../api/client";

/**
 * Whether a stored value has the fields of `spec`, no more and no less, each of its kind: a form can
 * show it then. What stands in a field is the server's to judge.
 */
export function likeSpec(spec: ExperimentSpec, stored: unknown): stored is ExperimentSpec {
  const { methods: _, ...others } = spec;
  if (!isObject(stored)) return false;
  const { methods, ...rest } = stored;
  return Array.isArray(methods) && methods.every(isMethod) && alike(others, rest);
}

function isMethod(stored: unknown): boolean {
  return isObject(stored) && typeof stored.name === "string" && isObject(stored.params ?? {});
}

function alike(field: unknown, stored: unknown): boolean {
  // What may be absent, such as a sweep, is there in one of them alone.
  if (field === null || field === undefined || stored === null) return true;
  if (!isObject(field)) return !isObject(stored);
  if (!isObject(stored)) return false;
  const names = Object.keys(field);
  return (
    names.length === Object.keys(stored).length &&
    names.every((name) => name in stored && alike(field[name], stored[name]))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
