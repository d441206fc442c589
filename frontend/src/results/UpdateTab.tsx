import { Stack, Text } from "@mantine/core";
import { LayerColumns } from "./LayerColumns";
import type { ViewProps } from "./subject";
import { MethodChips } from "./Toolbar";

/** What training added to every layer, and how that lies to the gradient and to full fine-tuning. */
export function UpdateTab(props: ViewProps) {
  return (
    <Stack gap="xs">
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        The update is what training added, s·BA − s·B₀A₀; the change is what the whole method did to
        the weight, its initialisation included. Compare with full fine-tuning where the experiment
        has it.
      </Text>
      <LayerColumns when="update" {...props} />
    </Stack>
  );
}
