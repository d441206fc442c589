import { Select, Switch, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { valueAt } from "./path";
import { problemAt } from "./problems";
import { useSpecForm } from "./SpecForm";
import { asNumber, asText, type FieldInfo, fieldInfo, numbers } from "./schema";

export interface FieldProps {
  path: string;
  /** What another schema than the form's says of the field, as that of a method's parameters. */
  info?: FieldInfo;
}

function useField({ path, info: given }: FieldProps) {
  const { spec, schema, problems, set } = useSpecForm();
  const info = given ?? fieldInfo(schema, path);
  const value = valueAt(spec, path);
  return {
    value: value === undefined ? info.default : value,
    change: (value: unknown) => set(path, value),
    shared: {
      label: info.label,
      description: info.allowed ? `${info.help} (${info.allowed})` : info.help,
      error: problemAt(problems, path),
    },
    info,
    optional: info.empty !== undefined,
  };
}

/** One number. What cannot be read as a number goes to the server, which says what is allowed. */
export function NumberField(props: FieldProps) {
  const { value, change, shared, info, optional } = useField(props);
  const [text, setText] = useState<string | null>(null);
  return (
    <TextInput
      {...shared}
      inputMode="decimal"
      value={text ?? asText(value)}
      placeholder={info.empty}
      onChange={(event) => {
        const typed = event.currentTarget.value;
        setText(typed);
        change(optional && typed.trim() === "" ? null : asNumber(typed));
      }}
      onBlur={() => setText(null)}
    />
  );
}

export function TextField(props: FieldProps) {
  const { value, change, shared, info, optional } = useField(props);
  return (
    <TextInput
      {...shared}
      value={String(value ?? "")}
      placeholder={info.empty}
      onChange={({ currentTarget: { value: text } }) =>
        change(optional && text === "" ? null : text)
      }
    />
  );
}

export function TextareaField(props: FieldProps) {
  const { value, change, shared } = useField(props);
  return (
    <Textarea
      {...shared}
      autosize
      minRows={2}
      value={String(value ?? "")}
      onChange={(event) => change(event.currentTarget.value)}
    />
  );
}

/** Several numbers, as tags. */
export function NumbersField(props: FieldProps) {
  return <TagsField {...props} read={numbers} />;
}

/** Several texts, as tags. */
export function TextsField(props: FieldProps) {
  return <TagsField {...props} read={(texts) => texts} />;
}

function TagsField({ read, ...props }: FieldProps & { read: (texts: string[]) => unknown[] }) {
  const { value, change, shared, info, optional } = useField(props);
  const list = Array.isArray(value) ? value.map(asText) : [];
  return (
    <TagsInput
      {...shared}
      value={list}
      splitChars={[",", " ", ";"]}
      placeholder={list.length === 0 ? info.empty : undefined}
      onChange={(texts) => change(optional && texts.length === 0 ? null : read(texts))}
    />
  );
}

/** One of several values, under the labels that the schema has for them. */
export function ChoiceField(props: FieldProps) {
  const { value, change, shared, info } = useField(props);
  const none = info.empty === undefined ? [] : [{ value: "", label: info.empty }];
  const listed = info.labelled ?? info.choices.map((choice) => ({ value: choice, label: choice }));
  // What a spec has is shown, also where it is not offered here.
  const present = String(value ?? "");
  const offered = [...none, ...listed].some((choice) => choice.value === present);
  const choices = offered ? listed : [...listed, { value: present, label: present }];
  return (
    <Select
      {...shared}
      data={[...none, ...choices]}
      value={present}
      allowDeselect={false}
      onChange={(chosen) => chosen !== null && change(chosen === "" ? null : chosen)}
    />
  );
}

export function SwitchField(props: FieldProps) {
  const { value, change, shared } = useField(props);
  return (
    <Switch
      {...shared}
      checked={value === true}
      onChange={(event) => change(event.currentTarget.checked)}
    />
  );
}

/** Target layers: the word all-linear, or names of modules. */
export function TargetsField(props: FieldProps) {
  const { value, change, shared } = useField(props);
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
