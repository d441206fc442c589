import { Stack, Text } from "@mantine/core";
import { Figure } from "../ui/Figure";
import type { ViewProps } from "./subject";
import { Choice, optionsOf, RatesSwitch, Toolbar } from "./Toolbar";

/** A number of the reports for every layer: those of the init, or those about the update. */
export function LayerColumns({
  when,
  subject,
  search,
  change,
  catalog,
}: ViewProps & { when: "init" | "update" }) {
  const columns = catalog.columns.filter((column) => column.when === when);
  const chosen = columns.find(({ name }) => name === search.column) ?? columns[0];
  if (!chosen) return null;
  return (
    <Stack gap="xs">
      <Toolbar>
        <Choice
          label="Per layer"
          value={chosen.name}
          options={optionsOf(columns)}
          width={340}
          onChange={(value) => change({ column: value })}
        />
        <RatesSwitch search={search} change={change} />
      </Toolbar>
      <Text size="sm" c="dimmed">
        {chosen.summary}.
      </Text>
      <Figure
        of={subject.of}
        name="columns"
        label={`Per layer: ${chosen.label}`}
        params={{
          column: chosen.name,
          rates: search.rates,
          labels: search.methods,
          judge: search.judge,
        }}
        height={420}
      />
    </Stack>
  );
}
