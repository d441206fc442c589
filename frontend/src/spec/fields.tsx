import { Select, Switch, TagsInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { valueAt } from "./path";
import { problemAt } from "./problems";
import { useSpecForm } from "./SpecForm";
import { asNumber, asText, fieldInfo, numbers } from "./schema";

function useField(path: string) {
  const { spec, schema, problems, set } = useSpecForm();
  const info = fieldInfo(schema, path);
  return {
    value: valueAt(spec, path),
    change: (value: unknown) => set(path, value),
    shared: {
      label: info.label,
      description: info.allowed ? `${info.help} (${info.allowed})` : info.help,
      error: problemAt(problems, path),
    },
    info,
  };
}

/** One number. What cannot be read as a number goes to the server, which says what is allowed. */
export function NumberField({ path }: { path: string }) {
  const { value, change, shared } = useField(path);
  const [text, setText] = useState<string | null>(null);
  return (
    <TextInput
      {...shared}
      inputMode="decimal"
      value={text ?? asText(value)}
      onChange={(event) => {
        setText(event.currentTarget.value);
        change(asNumber(event.currentTarget.value));
      }}
      onBlur={() => setText(null)}
    />
  );
}

export function TextField({ path }: { path: string }) {
  const { value, change, shared } = useField(path);
  return (
    <TextInput
      {...shared}
      value={String(value ?? "")}
      onChange={(event) => change(event.currentTarget.value)}
    />
  );
}

/** Several numbers, as tags. `optional` fields are null when empty. */
export function NumbersField({ path, optional = false }: { path: string; optional?: boolean }) {
  const { value, change, shared } = useField(path);
  const list = Array.isArray(value) ? value.map(asText) : [];
  return (
    <TagsInput
      {...shared}
      value={list}
      splitChars={[",", " ", ";"]}
      placeholder={optional && list.length === 0 ? "as in the grid" : undefined}
      onChange={(texts) => change(optional && texts.length === 0 ? null : numbers(texts))}
    />
  );
}

export function ChoiceField({ path, choices }: { path: string; choices?: Choice[] }) {
  const { value, change, shared, info } = useField(path);
  return (
    <Select
      {...shared}
      data={choices ?? info.choices}
      value={String(value)}
      allowDeselect={false}
      onChange={(chosen) => chosen !== null && change(chosen)}
    />
  );
}

/** A method's own optimiser, or the training section's. */
export function OptimizerField({ path }: { path: string }) {
  const { value, change, shared } = useField(path);
  const { schema } = useSpecForm();
  const { choices } = fieldInfo(schema, "training.optimizer");
  return (
    <Select
      {...shared}
      data={[{ value: "", label: "as for all" }, ...choices]}
      value={value === null || value === undefined ? "" : String(value)}
      allowDeselect={false}
      onChange={(chosen) => change(chosen === "" ? null : chosen)}
    />
  );
}

interface Choice {
  value: string;
  label: string;
}

export function SwitchField({ path }: { path: string }) {
  const { value, change, shared } = useField(path);
  return (
    <Switch
      {...shared}
      checked={value === true}
      onChange={(event) => change(event.currentTarget.checked)}
    />
  );
}

/** Target layers: the word all-linear, or names of modules. */
export function TargetsField() {
  const { value, change, shared } = useField("model.targets");
  const list = Array.isArray(value) ? value.map(String) : [String(value)];
  return (
    <TagsInput
      {...shared}
      value={list}
      splitChars={[",", " ", ";"]}
      onChange={(names) => {
        const own = names.filter((name) => name !== "all-linear");
        const last = names[names.length - 1];
        change(own.length === 0 || last === "all-linear" ? "all-linear" : own);
      }}
    />
  );
}
