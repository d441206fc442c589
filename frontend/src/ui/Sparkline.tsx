interface Props {
  values: number[];
  label: string;
}

const WIDTH = 96;
const HEIGHT = 24;
const EDGE = 2;

/** A line as small as a word: the shape of a curve, without axes. */
export function Sparkline({ values, label }: Props) {
  if (values.length < 2) return <>–</>;
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label={label}>
      <title>{label}</title>
      <polyline
        points={points(values)}
        fill="none"
        stroke="var(--mantine-primary-color-filled)"
        strokeWidth={1.5}
        strokeLinejoin="round"
      />
    </svg>
  );
}

/** The corners of the line, lowest value at the bottom. */
export function points(values: number[], width = WIDTH, height = HEIGHT, edge = EDGE): string {
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const x = (index: number) => edge + ((width - 2 * edge) * index) / (values.length - 1);
  const y = (value: number) => height - edge - ((height - 2 * edge) * (value - low)) / span;
  return values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}
