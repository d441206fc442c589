import { Group, Progress, Text } from "@mantine/core";
import type { Schemas } from "../api/client";
import { quantity } from "../ui/format";

type Quota = Schemas["QuotaOut"];

const OF: Record<Quota["name"], { unit: string; label: string }> = {
  runs: { unit: "queued runs", label: "Queued runs" },
  disk_gb: { unit: "GB", label: "Disk, GB" },
  lane_hours: { unit: "lane hours this week", label: "Lane hours in seven days" },
};

/** How much of the machine somebody uses, and of what there is an end to how much they may. */
export function Usage({ quotas }: { quotas: Quota[] }) {
  return quotas.map(({ name, used, allowed }) => (
    <div key={name}>
      <Group justify="space-between" gap="xs">
        <Text size="sm">{OF[name].label}</Text>
        <Text size="sm" c="dimmed">
          {shown(used)} {allowed === null ? "(no limit)" : `of ${shown(allowed)}`}
        </Text>
      </Group>
      {allowed !== null && (
        <Progress
          value={allowed > 0 ? Math.min(100, (100 * used) / allowed) : 100}
          color={used >= allowed ? "red" : undefined}
          size="sm"
          aria-label={OF[name].label}
        />
      )}
    </div>
  ));
}

/** In a table: how much of one quota, and of what where there is an end to it. */
export function Used({ quota }: { quota?: Quota }) {
  if (!quota) return "–";
  const { used, allowed } = quota;
  if (allowed === null) return shown(used);
  return (
    <Text span inherit c={used >= allowed ? "red" : undefined} style={{ whiteSpace: "nowrap" }}>
      {shown(used)} of {shown(allowed)}
    </Text>
  );
}

/** Such as `you use 12 of 100 queued runs, 3.1 of 10 GB`; undefined where nothing is limited. */
export function usageSentence(quotas: Quota[]): string | undefined {
  const limited = quotas.filter(({ allowed }) => allowed !== null);
  if (limited.length === 0) return undefined;
  return `You use ${limited.map((quota) => part(quota, quota.used)).join(", ")}.`;
}

/** What a launch would come to, of each quota of which that becomes of it. */
export function beyond(quotas: Quota[], becomes: NonNullable<Quota["beyond"]>): string[] {
  return quotas
    .filter((quota) => quota.beyond === becomes)
    .map((quota) => part(quota, quota.used + (quota.asked ?? 0)));
}

function part({ name, allowed }: Quota, value: number): string {
  // Whatever was measured of lanes goes on; of a launch it is an estimate.
  const guess = name === "lane_hours" ? "about " : "";
  return `${guess}${shown(value)} of ${shown(allowed ?? 0)} ${OF[name].unit}`;
}

/** Whole numbers, and as much of a fraction as tells two of them apart. */
function shown(value: number): string {
  return value >= 1e4 ? quantity(value) : String(Number(value.toFixed(value < 10 ? 2 : 1)));
}
