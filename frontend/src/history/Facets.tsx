import { Chip, Group, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "../api/client";
import { useAccounts } from "../people/who";
import { has, term } from "./query";

const KEYS: [string, string][] = [
  ["method", "Method"],
  ["model", "Model"],
  ["task", "Task"],
  ["tag", "Tag"],
  ["by", "By"],
];

/** What one has launched oneself. */
const MINE = "by:me";

interface Props {
  facets: Schemas["HistoryOut"]["facets"];
  query: string;
  toggle: (term: string) => void;
}

/** What the search can be narrowed to; a facet with one value narrows nothing. */
export function Facets({ facets, query, toggle }: Props) {
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  const named = new Map<string, string>();
  for (const row of [...(catalog?.methods ?? []), ...(catalog?.tasks ?? [])]) {
    named.set(row.name, row.label);
  }
  const shown = KEYS.filter(([key]) => {
    const values = facets[key] ?? [];
    return values.length > 1 || values.some(({ value }) => has(query, term(key, value)));
  });
  const accounts = useAccounts();
  if (shown.length === 0 && !accounts) return null;
  return (
    <Stack gap={6} role="group" aria-label="Narrow the search">
      {accounts && (
        <Group gap={6}>
          <Text size="xs" c="dimmed" w={52}>
            Whose
          </Text>
          <Chip size="xs" checked={has(query, MINE)} onChange={() => toggle(MINE)}>
            Mine
          </Chip>
        </Group>
      )}
      {shown.map(([key, label]) => (
        <Group key={key} gap={6}>
          <Text size="xs" c="dimmed" w={52}>
            {label}
          </Text>
          {(facets[key] ?? []).map(({ value, count }) => (
            <Chip
              key={value}
              size="xs"
              checked={has(query, term(key, value))}
              onChange={() => toggle(term(key, value))}
            >
              {named.get(value) ?? value} · {count}
            </Chip>
          ))}
        </Group>
      ))}
    </Stack>
  );
}
