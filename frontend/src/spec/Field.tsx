import type { ComponentType } from "react";
import {
  ChoiceField,
  type FieldProps,
  NumberField,
  NumbersField,
  SwitchField,
  TargetsField,
  TextareaField,
  TextField,
  TextsField,
} from "./fields";

/** The inputs that a field may have: those of types, and those that are asked for by name. */
export const WIDGETS: Record<string, ComponentType<FieldProps>> = {
  number: NumberField,
  numbers: NumbersField,
  select: ChoiceField,
  switch: SwitchField,
  targets: TargetsField,
  text: TextField,
  textarea: TextareaField,
  texts: TextsField,
};

/** A field with the input that the schema has for it. */
export function Field({ widget, ...props }: FieldProps & { widget: string }) {
  const Widget = WIDGETS[widget];
  if (!Widget) throw new Error(`there is no input ${widget}, which ${props.path} asks for`);
  return <Widget {...props} />;
}
