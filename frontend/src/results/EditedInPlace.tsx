import { ActionIcon, Button, Group, Text, Textarea, TextInput, Title } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import type { Experiment } from "../api/client";
import { useWhyNot, type Why } from "../people/may";
import { useExperimentChange } from "./useExperimentChange";

/** An experiment's name, changed where it stands. */
export function ExperimentName({ experiment }: { experiment: Experiment }) {
  const { change, asked } = useExperimentChange(experiment.id);
  const name = asked.name ?? experiment.name;
  const why = useWhyNot().change(experiment.owner);
  return (
    <EditedInPlace
      what="name"
      why={why}
      text={name}
      change={(next) => next && change({ name: next })}
      field={(props) => <TextInput {...props} miw={260} maxLength={200} required />}
    >
      <Title order={2} style={{ overflowWrap: "anywhere" }}>
        {name}
      </Title>
    </EditedInPlace>
  );
}

/** What somebody wrote about an experiment, changed where it stands. */
export function Description({ experiment }: { experiment: Experiment }) {
  const { change, asked } = useExperimentChange(experiment.id);
  const text = asked.description ?? experiment.description;
  const why = useWhyNot().change(experiment.owner);
  return (
    <EditedInPlace
      what="description"
      why={why}
      text={text}
      change={(description) => change({ description })}
      field={(props) => <Textarea {...props} w="100%" maw={900} autosize maxLength={10_000} />}
    >
      {text ? (
        <Text c="dimmed" maw={900} style={{ overflowWrap: "anywhere" }}>
          {text}
        </Text>
      ) : (
        !why && (
          <Text c="dimmed" size="sm">
            No description
          </Text>
        )
      )}
    </EditedInPlace>
  );
}

interface FieldProps {
  "aria-label": string;
  autoFocus: true;
  value: string;
  onChange: (event: { currentTarget: { value: string } }) => void;
  onKeyDown: (event: { key: string }) => void;
}

interface Props {
  what: string;
  /** Why one may not change it. */
  why: Why;
  text: string;
  change: (text: string) => void;
  field: (props: FieldProps) => ReactNode;
  children: ReactNode;
}

/** What is shown until a pen is taken to it; Escape leaves it as it was. */
function EditedInPlace({ what, why, text, change, field, children }: Props) {
  const [typed, setTyped] = useState<string>();
  if (typed === undefined) {
    return (
      <Group gap={4} wrap="nowrap" align="center">
        {children}
        {why === undefined && (
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            aria-label={`Edit the ${what}`}
            onClick={() => setTyped(text)}
          >
            <IconPencil size={14} />
          </ActionIcon>
        )}
      </Group>
    );
  }
  return (
    <form
      style={{ width: "100%" }}
      onSubmit={(event) => {
        event.preventDefault();
        const next = typed.trim();
        if (next !== text) change(next);
        setTyped(undefined);
      }}
    >
      <Group gap="xs" align="flex-end">
        {field({
          "aria-label": `The ${what}`,
          autoFocus: true,
          value: typed,
          onChange: (event) => setTyped(event.currentTarget.value),
          onKeyDown: (event) => event.key === "Escape" && setTyped(undefined),
        })}
        <Button size="xs" type="submit">
          Save
        </Button>
        <Button size="xs" variant="subtle" onClick={() => setTyped(undefined)}>
          Leave it
        </Button>
      </Group>
    </form>
  );
}
