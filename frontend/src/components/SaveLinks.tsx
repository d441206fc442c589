import { Anchor, Group } from "@mantine/core";
import type { RefObject } from "react";
import type { Save } from "./Plot";

interface Props {
  csv: string;
  name?: string;
  saver: RefObject<Save | undefined>;
}

/** What lies under every figure: its data, and itself as a picture. */
export function SaveLinks({ csv, name, saver }: Props) {
  return (
    <Group justify="flex-end" gap="sm" mt={4}>
      {(["png", "svg"] as const).map((format) => (
        <Anchor
          key={format}
          size="xs"
          component="button"
          type="button"
          onClick={() => saver.current?.(format)}
        >
          {format.toUpperCase()}
        </Anchor>
      ))}
      <Anchor size="xs" href={csv} download={name ?? true}>
        Data as CSV
      </Anchor>
    </Group>
  );
}
