import { ActionIcon, Menu } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import type { Run } from "../../api/client";
import { useDeleting } from "./useDeleting";

/** Puts a run that has ended into the bin; where it has an adapter, that alone by choice. */
export function DeleteRun({ run }: { run: Run }) {
  const deleting = useDeleting();
  const remove = (what: "runs" | "adapters") =>
    void deleting.runs([`r${run.id}`], what, [run.experiment_id]);
  const icon = (act?: () => void) => (
    <ActionIcon
      size="sm"
      variant="subtle"
      color="gray"
      aria-label={`Delete run ${run.id}`}
      title="Delete"
      onClick={act}
    >
      <IconTrash size={14} />
    </ActionIcon>
  );
  if (!run.has_adapter) return icon(() => remove("runs"));
  return (
    <Menu withinPortal position="bottom-end">
      <Menu.Target>{icon()}</Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => remove("adapters")}>Delete its adapter, keep numbers</Menu.Item>
        <Menu.Item color="red" onClick={() => remove("runs")}>
          Delete the run
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
