import { Badge, Tooltip } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";

/** Says that others do not see an experiment. */
export function PrivateBadge() {
  return (
    <Tooltip label="Only whoever launched it and administrators see it">
      <Badge
        size="sm"
        variant="default"
        tt="none"
        radius="sm"
        leftSection={<IconLock size={11} aria-hidden />}
        style={{ flexShrink: 0 }}
      >
        Private
      </Badge>
    </Tooltip>
  );
}
