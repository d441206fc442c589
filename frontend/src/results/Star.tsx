import { ActionIcon } from "@mantine/core";
import { IconStar, IconStarFilled } from "@tabler/icons-react";
import type { Experiment } from "../api/client";
import { Allowed } from "../people/Allowed";
import { useWhyNot } from "../people/may";
import { useExperimentChange } from "./useExperimentChange";

/** Stars an experiment, or takes the star away. */
export function Star({ experiment }: { experiment: Experiment }) {
  const { change, asked } = useExperimentChange(experiment.id);
  const starred = asked.starred ?? experiment.starred;
  const why = useWhyNot().change(experiment.owner);
  return (
    <Allowed why={why}>
      <ActionIcon
        variant="subtle"
        color={starred ? "yellow" : "gray"}
        aria-pressed={starred}
        aria-label={`Star ${experiment.name}`}
        onClick={() => change({ starred: !starred })}
      >
        {starred ? <IconStarFilled size={16} /> : <IconStar size={16} />}
      </ActionIcon>
    </Allowed>
  );
}
