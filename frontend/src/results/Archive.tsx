import { Button } from "@mantine/core";
import { IconArchive } from "@tabler/icons-react";
import type { Experiment } from "../api/client";
import { useExperimentChange } from "./useExperimentChange";

/** Archives an experiment, or brings it back. */
export function Archive({ experiment }: { experiment: Experiment }) {
  const { change, asked } = useExperimentChange(experiment.id);
  const archived = asked.archived ?? experiment.archived;
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconArchive size={14} />}
      onClick={() => change({ archived: !archived })}
    >
      {archived ? "Bring back" : "Archive"}
    </Button>
  );
}
