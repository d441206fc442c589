import { ActionIcon } from "@mantine/core";
import { IconStar, IconStarFilled } from "@tabler/icons-react";
import type { Experiment } from "../api/client";
import { useExperimentChange } from "./useExperimentChange";

/** Stars an experiment, or takes the star away. */
export function Star({ experiment }: { experiment: Experiment }) {
  const change = useExperimentChange(experiment.id);
  return (
    <ActionIcon
      variant="subtle"
      color={experiment.starred ? "yellow" : "gray"}
      aria-pressed={experiment.starred}
      aria-label={`Star ${experiment.name}`}
      onClick={() => change({ starred: !experiment.starred })}
    >
      {experiment.starred ? <IconStarFilled size={16} /> : <IconStar size={16} />}
    </ActionIcon>
  );
}
