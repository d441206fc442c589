import { Button } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import type { Experiment } from "../../api/client";
import { useDeleting } from "./useDeleting";

/** Puts an experiment into the bin, from where it comes back by a click. */
export function DeleteExperiment({ experiment }: { experiment: Experiment }) {
  const deleting = useDeleting();
  const navigate = useNavigate();
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconTrash size={14} />}
      onClick={async () => {
        if (await deleting.experiment(experiment.id, experiment.name)) {
          void navigate({ to: "/history" });
        }
      }}
    >
      Delete
    </Button>
  );
}
