import { api } from "../api/client";
import { Choice } from "./Toolbar";

interface Props {
  names: string[];
  value: string;
  onChange: (metric: string) => void;
}

/** One of some metrics, by their labels in the catalogue. */
export function MetricChoice({ names, value, onChange }: Props) {
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  const options = (catalog?.metrics ?? [])
    .filter(({ name }) => names.includes(name))
    .map(({ name, label }) => ({ value: name, label }));
  return <Choice label="Metric" value={value} options={options} onChange={onChange} />;
}
