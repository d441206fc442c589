import { Avatar } from "@mantine/core";

interface Props {
  name: string;
  colour: string;
  size?: number;
}

/** Somebody's initials on their colour; their name stands beside it, or is said otherwise. */
export function PersonAvatar({ name, colour, size = 26 }: Props) {
  return (
    <Avatar
      size={size}
      radius="xl"
      aria-hidden
      styles={{
        placeholder: {
          background: colour,
          color: "#fff",
          border: 0,
          fontSize: size * 0.42,
          fontWeight: 600,
        },
      }}
    >
      {initials(name)}
    </Avatar>
  );
}

/** Of `Ada King Lovelace`: AL; of `ada`: A. */
export function initials(name: string): string {
  const words = name.split(/[\s._@-]+/).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (first + last).toUpperCase();
}
