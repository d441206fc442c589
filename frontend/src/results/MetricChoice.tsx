import type { Catalog } from "../api/client";
import { Choice } from "./Toolbar";

interface Props {
  metrics: Catalog["metrics"];
  value: string;
  onChange: (metric: string) => void;
}

/** One of some metrics, by their labels. */
export function MetricChoice({ metrics, value, onChange }: Props) {
  const options = metrics.map(({ name, label }) => ({ value: name, label }));
  return <Choice label="Metric" value={value} options={options} onChange={onChange} />;
}
