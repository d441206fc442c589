import { ActionIcon, Group, Kbd, Stack, Text, Title } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { api } from "../../api/client";
import { Empty } from "../../components/Empty";
import { Figure } from "../../components/Figure";
import { Choice, MethodChips, RunChoice, shownRun, Toolbar } from "../../components/Toolbar";
import { layerLabel } from "../../view/format";
import type { TabProps } from "../Experiment";

const SHARED = ["gradient", "weight"];

/** A map of all layers; a click, or a key, opens a layer's spectra. */
export function SpectraTab(props: TabProps) {
  const { experiment, search, change } = props;
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  const count = experiment.layers.length;
  const layer = Math.min(search.layer ?? 0, Math.max(0, count - 1));
  const step = (by: number) => count > 0 && change({ layer: (layer + by + count) % count });
  useHotkeys([
    ["[", () => step(-1)],
    ["]", () => step(1)],
  ]);
  if (count === 0) {
    return <Empty title="No layer has been measured yet">Spectra appear with the first run.</Empty>;
  }
  const quantity = search.quantity ?? "gradient";
  const scalar = search.scalar ?? "stable_rank";
  const run = shownRun(experiment, search);
  const named = (rows: { name: string; label: string }[] | undefined) =>
    (rows ?? []).map(({ name, label }) => ({ value: name, label }));
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Matrix"
          value={quantity}
          options={named(catalog?.spectra)}
          onChange={(value) => change({ quantity: value })}
        />
        <Choice
          label="Colour shows"
          value={scalar}
          options={named(catalog?.scalars)}
          onChange={(value) => change({ scalar: value })}
        />
        {!SHARED.includes(quantity) && <RunChoice {...props} />}
      </Toolbar>
      <Figure
        experiment={experiment.id}
        name="heatmap"
        label="Map of all layers"
        params={{ quantity, scalar, runs: SHARED.includes(quantity) || !run ? undefined : [run] }}
        height={300}
        onPoint={({ customdata }) => change({ layer: Number(customdata) })}
      />
      <Group gap="xs" mt="sm">
        <ActionIcon variant="default" aria-label="Previous layer" onClick={() => step(-1)}>
          <IconChevronLeft size={16} />
        </ActionIcon>
        <ActionIcon variant="default" aria-label="Next layer" onClick={() => step(1)}>
          <IconChevronRight size={16} />
        </ActionIcon>
        <Title order={4}>{layerLabel(experiment.layers[layer] ?? "")}</Title>
        <Text size="xs" c="dimmed" visibleFrom="sm">
          {experiment.layers[layer]} · keys <Kbd size="xs">[</Kbd> <Kbd size="xs">]</Kbd> step
          through the layers
        </Text>
      </Group>
      <MethodChips {...props} />
      <Figure
        experiment={experiment.id}
        name="spectra"
        label={`Spectra of layer ${layerLabel(experiment.layers[layer] ?? "")}`}
        params={{ layer, labels: search.methods, judge: search.judge }}
        height={500}
      />
    </Stack>
  );
}
