/** The form's knowledge of a field: label, help and range, all from the server's JSON schema. */

export interface Node {
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
  /** What is particular about a field in the form: loraone/spec/form.py says what each means. */
  "x-form"?: Particular;
  "x-sections"?: Section[];
}

export interface Particular {
  section?: string;
  order?: number;
  widget?: string;
  choices?: Choice[];
  empty?: string;
  shown_when?: Condition;
  hidden_when?: Condition;
  hidden?: boolean;
}

/** The values at each path of which one must be there. */
export type Condition = Record<string, unknown[]>;

export interface Choice {
  value: string;
  label: string;
}

export interface Section {
  title: string;
  display: "plain" | "fieldset" | "folded";
  columns: number;
  help: string;
}

export interface FieldInfo {
  label: string;
  help: string;
  allowed: string;
  choices: string[];
  /** The choices with labels, where they have any. */
  labelled?: Choice[];
  /** What having no value means; absent where there must be one. */
  empty?: string;
  default?: unknown;
}

export type JsonSchema = Record<string, unknown>;

/** What the schema says of the field at a dotted path such as `grid.ranks`. */
export function fieldInfo(schema: JsonSchema, path: string): FieldInfo {
  const root = schema as Node;
  const node = nodeAt(schema, path);
  if (!node) return { label: path, help: "", allowed: "", choices: [] };
  const inner = resolve(root, node);
  const element = inner.items ? resolve(root, inner.items) : inner;
  const particular = node["x-form"] ?? {};
  return {
    label: node.title ?? inner.title ?? path,
    help: node.description ?? inner.description ?? "",
    allowed: range(element),
    choices: choicesOf(element),
    labelled: particular.choices,
    empty: node.anyOf?.some(({ type }) => type === "null")
      ? (particular.empty ?? "none")
      : undefined,
    default: node.default,
  };
}

/** The schema of the field at a dotted path, as it is declared. */
export function nodeAt(schema: JsonSchema, path: string): Node | undefined {
  const root = schema as Node;
  return path.split(".").reduce<Node | undefined>((node, part) => {
    const inner = node && resolve(root, node);
    return /^\d+$/.test(part) ? inner?.items : inner?.properties?.[part];
  }, root);
}

/** The input that a field has by its type, or that it asks for. */
export function widgetOf(root: Node, field: Node): string {
  const inner = resolve(root, field);
  const { widget, choices } = field["x-form"] ?? {};
  if (widget) return widget;
  if (choices || choicesOf(inner).length > 0) return "select";
  if (inner.items) return NUMERIC.has(resolve(root, inner.items).type) ? "numbers" : "texts";
  if (inner.type === "boolean") return "switch";
  return NUMERIC.has(inner.type) ? "number" : "text";
}

const NUMERIC = new Set<string | undefined>(["number", "integer"]);

function choicesOf(node: Node): string[] {
  return (node.enum ?? (node.const === undefined ? [] : [node.const])).map(String);
}

/** A schema without its references; of several alternatives the one that says most. */
export function resolve(root: Node, node: Node): Node {
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
  const shown = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 15 });
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
