import { Group } from "@mantine/core";
import { breaking } from "../ui/breaking";
import { PersonAvatar } from "./PersonAvatar";
import { useAccounts } from "./who";

interface Props {
  name: string;
  /** Null of one who is nobody here, such as the author of what was imported. */
  colour: string | null;
}

/** Whoever launched something, in their colour where there are people to tell apart. */
export function Author({ name, colour }: Props) {
  const accounts = useAccounts();
  if (!accounts || colour === null) return name;
  return (
    <Group component="span" gap={5} wrap="nowrap" display="inline-flex">
      <PersonAvatar name={name} colour={colour} size={20} />
      <span style={breaking(name)}>{name}</span>
    </Group>
  );
}
