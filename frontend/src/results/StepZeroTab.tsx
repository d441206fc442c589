import { Stack, Text } from "@mantine/core";
import { Figure } from "../ui/Figure";
import { LayerColumns } from "./LayerColumns";
import { methodLabels, type ViewProps } from "./subject";
import { MethodChips } from "./Toolbar";

/** What each initialisation did before the first step. */
export function StepZeroTab(props: ViewProps) {
  const { subject, search } = props;
  const shown = search.methods?.length ?? methodLabels(subject).length;
  return (
    <Stack gap="xs">
      <MethodChips {...props} />
      <Text size="sm" c="dimmed">
        An initialisation that is a step moves the loss before training begins, and it can move it
        the wrong way: from before (open) to after (filled). Held-out texts are training texts
        outside of the gradient batch.
      </Text>
      <Figure
        of={subject.of}
        name="step0"
        label="Losses around the initialisation"
        params={{ labels: search.methods, judge: search.judge }}
        height={90 + 42 * shown}
      />
      <LayerColumns when="init" {...props} />
    </Stack>
  );
}
