/** The form's knowledge of a field: label, help and range, all from the server's JSON schema. */

interface Node {
  title?: string;
  description?: string;
  $ref?: string;
  properties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
  enum?: unknown[];
  const?: unknown;
  type?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  default?: unknown;
  $defs?: Record<string, Node>;
}

interface FieldInfo {
  label: string;
  help: string;
  allowed: string;
  choices: string[];
}

export type JsonSchema = Record<string, unknown>;

/** What the schema says of the field at a dotted path such as `grid.ranks`. */
export function fieldInfo(schema: JsonSchema, path: string): FieldInfo {
  const root = schema as Node;
  let node: Node = root;
  for (const part of path.split(".")) {
    const inner = resolve(root, node);
    const next: Node | undefined = /^\d+$/.test(part) ? inner.items : inner.properties?.[part];
    if (!next) return { label: path, help: "", allowed: "", choices: [] };
    node = next;
  }
  const inner = resolve(root, node);
  const element = inner.items ? resolve(root, inner.items) : inner;
  return {
    label: node.title ?? inner.title ?? path,
    help: node.description ?? inner.description ?? "",
    allowed: range(element),
    choices: (element.enum ?? []).map(String),
  };
}

function resolve(root: Node, node: Node): Node {
  if (node.$ref) {
    const name = node.$ref.split("/").pop() ?? "";
    return resolve(root, root.$defs?.[name] ?? {});
  }
  const options = node.anyOf?.map((option) => resolve(root, option));
  return (
    options?.find((option) => option.items || option.minimum !== undefined) ?? options?.[0] ?? node
  );
}

function range(node: Node): string {
  const low = node.minimum ?? node.exclusiveMinimum;
  const high = node.maximum ?? node.exclusiveMaximum;
  const shown = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 6 });
  if (low === undefined && high === undefined) return "";
  if (low === undefined) return `at most ${shown(high ?? 0)}`;
  const from = node.exclusiveMinimum !== undefined ? `above ${shown(low)}` : shown(low);
  return high === undefined ? `at least ${from}` : `${from} to ${shown(high)}`;
}

/** Texts that people typed, as numbers where they are numbers; the server says what is wrong. */
export function numbers(texts: string[]): (number | string)[] {
  return texts.map((text) => asNumber(text));
}

/** A value as it stands in an input: small numbers as 5e-5. */
export function asText(value: unknown): string {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) {
    return value.toExponential();
  }
  return String(value ?? "");
}

export function asNumber(text: string): number | string {
  const trimmed = text.trim().replace("−", "-");
  const value = Number(trimmed);
  return trimmed !== "" && Number.isFinite(value) ? value : trimmed;
}
