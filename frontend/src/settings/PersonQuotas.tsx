import { Button, Group, NumberInput, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";
import { api, type Schemas, sentence } from "../api/client";
import { Usage } from "../people/Usage";
import { usePeopleChanged } from "./roles";

type Own = Schemas["OwnQuotas"];

const FIELDS: { name: keyof Own; label: string; most: number; whole?: true }[] = [
  { name: "runs", label: "Queued runs", most: 1e7, whole: true },
  { name: "disk_gb", label: "Disk, GB", most: 1e6 },
  { name: "lane_hours", label: "Lane hours in seven days", most: 1e6 },
];

/** What somebody uses, and a form of what they may where that is not what the settings say. */
export function PersonQuotas({ person, done }: { person: Schemas["PersonOut"]; done: () => void }) {
  const changed = usePeopleChanged();
  const [own, setOwn] = useState<Own>(
    person.more?.quotas ?? { runs: null, disk_gb: null, lane_hours: null },
  );
  const params = { path: { person_id: person.id } };
  const { data } = api.useQuery(
    "get",
    "/api/people/{person_id}/quotas",
    { params },
    { staleTime: 0 },
  );
  const { mutate, isPending } = api.useMutation("patch", "/api/people/{person_id}", {
    onSuccess: () => {
      done();
      return changed();
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not changed", message: sentence(error) }),
  });
  return (
    <Stack gap="sm">
      {data && <Usage quotas={data} />}
      <Text size="sm" c="dimmed">
        Launches beyond runs or disk are refused; runs beyond hours wait. Left empty: what the
        server's settings say (LORAONE_QUOTA_…).
      </Text>
      {FIELDS.map(({ name, label, most, whole }) => (
        <NumberInput
          key={name}
          label={label}
          placeholder="As the settings say"
          min={0}
          max={most}
          allowDecimal={!whole}
          allowNegative={false}
          clampBehavior="strict"
          value={own[name] ?? ""}
          onChange={(value) => setOwn({ ...own, [name]: value === "" ? null : Number(value) })}
        />
      ))}
      <Group>
        <Button
          size="xs"
          loading={isPending}
          onClick={() => mutate({ params, body: { quotas: own } })}
        >
          Set
        </Button>
      </Group>
    </Stack>
  );
}
