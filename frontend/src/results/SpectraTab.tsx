import { ActionIcon, Group, Kbd, Stack, Text, Title } from "@mantine/core";
import { useDebouncedValue, useHotkeys } from "@mantine/hooks";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { Empty } from "../ui/Empty";
import { Figure } from "../ui/Figure";
import { expertModules, nothingYet, shownRun, type ViewProps } from "./subject";
import { Choice, MethodChips, optionsOf, RunChoice, Toolbar } from "./Toolbar";

const HOVER_MS = 150;

/** A map of all layers; a click or a key opens a layer's spectra, the pointer previews them. */
export function SpectraTab(props: ViewProps) {
  const { subject, search, change, catalog } = props;
  const [under, setUnder] = useState<number | undefined>();
  const [hovered] = useDebouncedValue(under, HOVER_MS);
  const count = subject.layers.length;
  const chosen = Math.min(search.layer ?? 0, Math.max(0, count - 1));
  const open = (layer: number) => {
    setUnder(undefined);
    change({ layer });
  };
  const step = (by: number) => count > 0 && open((chosen + by + count) % count);
  useHotkeys([
    ["[", () => step(-1)],
    ["]", () => step(1)],
  ]);
  if (count === 0) {
    return <Empty title="No layer has been measured">{nothingYet(subject)}</Empty>;
  }
  const layer = hovered ?? chosen;
  const label = subject.layers[layer]?.label ?? "";
  const { spectra, scalars } = catalog;
  const matrix = spectra.find(({ name }) => name === search.quantity) ?? spectra[0];
  const quantity = matrix?.name ?? "";
  const scalar = search.scalar ?? (scalars.find(({ usual }) => usual) ?? scalars[0])?.name ?? "";
  const run = shownRun(subject, search);
  const ofExperts = expertModules(subject);
  const experts = ofExperts.find((module) => module === search.experts);
  const ofRun = !matrix?.shared && run !== undefined;
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Matrix"
          value={quantity}
          options={optionsOf(spectra)}
          onChange={(value) => change({ quantity: value })}
        />
        <Choice
          label="Colour shows"
          value={scalar}
          options={optionsOf(scalars)}
          onChange={(value) => change({ scalar: value })}
        />
        {ofExperts.length > 0 && (
          <Choice
            label="Map of"
            value={experts ?? ""}
            options={[
              { value: "", label: "layers" },
              ...ofExperts.map((module) => ({ value: module, label: module })),
            ]}
            onChange={(value) => change({ experts: value || undefined })}
          />
        )}
        {!matrix?.shared && <RunChoice {...props} />}
      </Toolbar>
      <Figure
        of={ofRun ? [`r${run}`] : subject.of}
        name="heatmap"
        label={experts === undefined ? "Map of all layers" : `Map of all ${experts}`}
        params={{ quantity, scalar, layer: chosen, experts }}
        height={300}
        onPoint={({ customdata }) => open(Number(customdata))}
        onHover={(point) => setUnder(point && Number(point.customdata))}
      />
      <Group gap="xs" mt="sm" align="flex-end">
        <ActionIcon variant="default" aria-label="Previous layer" onClick={() => step(-1)}>
          <IconChevronLeft size={16} />
        </ActionIcon>
        <ActionIcon variant="default" aria-label="Next layer" onClick={() => step(1)}>
          <IconChevronRight size={16} />
        </ActionIcon>
        <Choice
          label="Layer"
          searchable
          value={String(chosen)}
          options={subject.layers.map(({ label: name }, index) => ({
            value: String(index),
            label: name,
          }))}
          onChange={(value) => open(Number(value))}
        />
        <Stack gap={0}>
          <Title order={4}>{label}</Title>
          <Text size="xs" c="dimmed" visibleFrom="sm">
            {subject.layers[layer]?.name} ·{" "}
            {layer === chosen ? (
              <>
                keys <Kbd size="xs">[</Kbd> <Kbd size="xs">]</Kbd> step through the layers
              </>
            ) : (
              "under the pointer; click to stay"
            )}
          </Text>
        </Stack>
      </Group>
      <MethodChips {...props} />
      <Figure
        of={subject.of}
        name="spectra"
        label={`Spectra of layer ${label}`}
        params={{ layer, labels: search.methods, judge: search.judge }}
        height={500}
      />
    </Stack>
  );
}
