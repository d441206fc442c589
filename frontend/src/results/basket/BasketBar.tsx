import { Button, Group, Paper, Pill, Select, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Experiment } from "../../api/client";
import { FULL, fits, itemLabel, MOST_ITEMS, parsed, withItems } from "./basket";

interface Props {
  items: string[];
  choose: (items: string[]) => void;
}

/** What is compared: each item can be taken out, others are offered by what is typed. */
export function BasketBar({ items, choose }: Props) {
  const [words, setWords] = useState("");
  const [asked] = useDebouncedValue(words, 250);
  const matches = api.useQuery(
    "get",
    "/api/experiments",
    { params: { query: { q: searchable(asked), limit: 20 } } },
    { placeholderData: keepPreviousData, retry: false },
  );
  const known = api.useQuery(
    "get",
    "/api/basket",
    { params: { query: { of: items } } },
    { enabled: items.length > 0, placeholderData: keepPreviousData, retry: false },
  );
  const catalog = api.useQuery("get", "/api/catalog");
  const synthetic = (catalog.data?.tasks ?? []).flatMap((row) => (row.synthetic ? row.name : []));
  const names = new Map((known.data?.experiments ?? []).map(({ id, name }) => [id, name]));
  return (
    <Paper withBorder p="xs" role="region" aria-label="What is compared">
      <Group gap="xs">
        {items.map((item) => {
          const label = itemLabel(item, names);
          return (
            <Pill
              key={item}
              size="md"
              withRemoveButton
              removeButtonProps={{
                "aria-label": `Take out ${label}`,
                "aria-hidden": false,
                tabIndex: 0,
              }}
              onRemove={() => choose(items.filter((other) => other !== item))}
            >
              {label}
            </Pill>
          );
        })}
        <Select
          size="xs"
          w={{ base: "100%", sm: 300 }}
          aria-label="Add an experiment or a method"
          placeholder="Add an experiment or a method …"
          searchable
          disabled={items.length >= MOST_ITEMS}
          value={null}
          searchValue={words}
          onSearchChange={setWords}
          // The server has searched already.
          filter={({ options }) => options}
          nothingFoundMessage="No experiment fits"
          data={(matches.data?.experiments ?? []).map((row) => offered(row, synthetic))}
          onChange={(item) => {
            if (item && !fits([...items, item]))
              notifications.show({ color: "yellow", message: FULL });
            else if (item) choose(withItems(items, [item]));
            setWords("");
          }}
        />
        {items.length > 1 && (
          <Button size="compact-xs" variant="subtle" onClick={() => choose([])}>
            Empty
          </Button>
        )}
        {items.some((item) => parsed(item)?.run) && (
          <Text size="xs" c="dimmed">
            Single runs are shown as they are, methods at their best learning rate.
          </Text>
        )}
      </Group>
    </Paper>
  );
}

/** While `method:` is being typed the search is not yet complete: it is left out. */
function searchable(words: string): string {
  return words.replace(/\S*[:<>]\s*$/, "").trim();
}

function offered(experiment: Experiment, synthetic: string[]) {
  const { id, name, methods, task } = experiment;
  // The series of a sweep are named by what is varied, which the methods' names do not say.
  const single = synthetic.includes(task) ? [] : methods;
  return {
    group: `#${id} ${name}`,
    items: [
      { value: `e${id}`, label: `All of #${id} ${name}` },
      ...[...new Set(single)].map((label) => ({ value: `e${id}:${label}`, label })),
    ],
  };
}
