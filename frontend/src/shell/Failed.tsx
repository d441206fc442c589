import { Button } from "@mantine/core";
import { sentence } from "../api/client";
import { Empty } from "../ui/Empty";

/** Instead of a page that cannot be drawn: what happened, never a blank sheet. */
export function Failed({ error }: { error: unknown }) {
  return (
    <Empty title="This page cannot be drawn">
      {sentence(error)}{" "}
      <Button size="compact-sm" variant="default" onClick={() => window.location.reload()}>
        Reload
      </Button>
    </Empty>
  );
}
