import { Avatar, Tooltip } from "@mantine/core";
import { useLooking } from "../api/presence";
import { PersonAvatar } from "./PersonAvatar";
import { useWho } from "./who";

const MOST_SHOWN = 5;

/** Who else looks at the experiment now. */
export function LookingNow() {
  const { person } = useWho();
  const others = useLooking().filter(({ id }) => id !== person?.id);
  if (others.length === 0) return null;
  const names = others.map(({ name }) => name).join(", ");
  const more = others.length - MOST_SHOWN;
  return (
    <Tooltip label={`Looking at this now: ${names}`} multiline maw={320}>
      <Avatar.Group
        spacing={6}
        role="img"
        aria-label={`Looking at this now: ${names}`}
        style={{ flexShrink: 0 }}
      >
        {others.slice(0, MOST_SHOWN).map(({ id, name, colour }) => (
          <PersonAvatar key={id} name={name} colour={colour} />
        ))}
        {more > 0 && (
          <Avatar size={26} radius="xl">
            +{more}
          </Avatar>
        )}
      </Avatar.Group>
    </Tooltip>
  );
}
