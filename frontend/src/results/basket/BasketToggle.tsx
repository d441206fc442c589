import { ActionIcon, Tooltip } from "@mantine/core";
import { IconCheck, IconPlus } from "@tabler/icons-react";
import { useWho } from "../../people/who";
import { FULL } from "./basket";
import { useBasket } from "./useBasket";

/** Puts an item into what is compared, or takes it out again. */
export function BasketToggle({ item, name }: { item: string; name: string }) {
  const basket = useBasket();
  const { guest } = useWho();
  const inside = basket.has(item);
  const label = inside ? `Leave ${name} out of the comparison` : `Add ${name} to the comparison`;
  const full = !inside && !basket.takes(item);
  const said = inside ? "In the comparison; click to take out" : "Add to the comparison";
  if (guest) return null;
  return (
    <Tooltip label={full ? FULL : said} multiline maw={320}>
      <ActionIcon
        size="sm"
        variant={inside ? "filled" : "default"}
        aria-label={label}
        aria-pressed={inside}
        // Not disabled: a disabled button would not say why.
        aria-disabled={full}
        data-disabled={full || undefined}
        onClick={() => basket.toggle(item)}
      >
        {inside ? <IconCheck size={14} /> : <IconPlus size={14} />}
      </ActionIcon>
    </Tooltip>
  );
}
