import { Slider, Text } from "@mantine/core";
import { valueAt } from "../spec/path";
import { problemAt } from "../spec/problems";
import { useSpecForm } from "../spec/SpecForm";
import { fieldInfo } from "../spec/schema";

interface SliderProps {
  path: string;
  least: number;
  most: number;
  step?: number;
  /** The field is a list; the slider stands for its only value, under a name of its own. */
  list?: boolean;
  name?: string;
  whole?: boolean;
}

function useSlider(path: string, list: boolean | undefined, name: string | undefined) {
  const { spec, schema, problems, set } = useSpecForm();
  const given = valueAt(spec, path);
  const values = Array.isArray(given) ? given : [given];
  return {
    value: typeof values[0] === "number" ? values[0] : undefined,
    several: values.length > 1 || path === `problem.${spec.sweep?.parameter}`,
    label: name ?? fieldInfo(schema, path).label,
    error: problemAt(problems, path),
    set: (value: number) => set(path, list ? [value] : value),
  };
}

/** A slider that counts. */
export function Steps({ path, name, least, most, step = 1, list }: SliderProps) {
  const { value, several, label, error, set } = useSlider(path, list, name);
  return (
    <Labelled label={label} shown={several ? "several" : String(value ?? "–")} error={error}>
      <Slider
        thumbLabel={label}
        size="sm"
        label={null}
        min={least}
        max={Math.max(most, value ?? 0)}
        step={step}
        value={value ?? least}
        onChange={(chosen) => set(Number(chosen.toFixed(6)))}
      />
    </Labelled>
  );
}

/** A slider over decades, from 10^least to 10^most, in steps that people would name. */
export function LogSlider({ path, name, least, most, list, whole }: SliderProps) {
  const { value, several, label, error, set } = useSlider(path, list, name);
  const at = value === undefined || value <= 0 ? least : Math.log10(value);
  return (
    <Labelled label={label} shown={several ? "several" : shownOf(value)} error={error}>
      <Slider
        thumbLabel={label}
        size="sm"
        label={null}
        min={Math.min(least, at)}
        max={Math.max(most, at)}
        step={0.05}
        value={at}
        onChange={(chosen) => {
          const exact = 10 ** chosen;
          set(whole ? Math.round(exact) : Number(exact.toPrecision(2)));
        }}
      />
    </Labelled>
  );
}

function shownOf(value: number | undefined): string {
  if (value === undefined) return "Kaiming";
  return value < 1e-3 ? value.toExponential(1) : String(value);
}

interface LabelledProps {
  label: string;
  shown: string;
  error: string | undefined;
  children: React.ReactNode;
}

/** A control under its name and what it stands at, with what is wrong with it. */
export function Labelled({ label, shown, error, children }: LabelledProps) {
  return (
    <div>
      <Text size="sm" mb={2}>
        {label}:{" "}
        <Text span fw={600} size="sm">
          {shown}
        </Text>
      </Text>
      {children}
      {error && (
        <Text size="xs" c="red">
          {error}
        </Text>
      )}
    </div>
  );
}
