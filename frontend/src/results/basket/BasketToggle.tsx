import { ActionIcon, Tooltip } from "@mantine/core";
import { IconCheck, IconPlus } from "@tabler/icons-react";
import { useBasket } from "./useBasket";

/** Puts an item into what is compared, or takes it out again. */
export function BasketToggle({ item, name }: { item: string; name: string }) {
  const basket = useBasket();
  const inside = basket.has(item);
  const label = inside ? `Leave ${name} out of the comparison` : `Add ${name} to the comparison`;
  return (
    <Tooltip label={inside ? "In the comparison; click to take out" : "Add to the comparison"}>
      <ActionIcon
        size="sm"
        variant={inside ? "filled" : "default"}
        aria-label={label}
        aria-pressed={inside}
        onClick={() => basket.toggle(item)}
      >
        {inside ? <IconCheck size={14} /> : <IconPlus size={14} />}
      </ActionIcon>
    </Tooltip>
  );
}
