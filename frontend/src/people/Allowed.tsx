import { Tooltip } from "@mantine/core";
import { cloneElement, type MouseEvent, type ReactElement } from "react";
import type { Why } from "./may";

interface Props {
  why: Why;
  children: ReactElement<Record<string, unknown>>;
}

/** A button; where `why` says why not, it does nothing, and says so. */
export function Allowed({ why, children }: Props) {
  if (why === undefined) return children;
  return (
    <Tooltip label={why} multiline maw={320}>
      {cloneElement(children, {
        // Not disabled: a disabled button would not say why.
        "aria-disabled": true,
        "data-disabled": true,
        title: undefined,
        onClick: (event: MouseEvent) => event.preventDefault(),
      })}
    </Tooltip>
  );
}
