import { Menu, Text, UnstyledButton } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconLogout, IconUser } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, sentence } from "../api/client";
import { initials, PersonAvatar } from "../people/PersonAvatar";
import { ME, useAccounts, useWho } from "../people/who";

/** Who one is, one's account, and the way out; nothing where the server has no accounts. */
export function PersonMenu() {
  const { person } = useWho();
  const accounts = useAccounts();
  const queries = useQueryClient();
  const signOut = api.useMutation("post", "/api/sign-out", {
    onSuccess: () => queries.invalidateQueries({ queryKey: ME.queryKey }),
    onError: (error) =>
      notifications.show({ color: "red", title: "Not signed out", message: sentence(error) }),
  });
  if (!accounts || !person) return null;
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <UnstyledButton
          ml={4}
          aria-label={`${saidOf(person.name)}: account`}
          style={{ borderRadius: 99 }}
        >
          <PersonAvatar name={person.name} colour={person.colour} size={30} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)" truncate>
            {person.name}
          </Text>
          {person.role}
        </Menu.Label>
        <Menu.Item component={Link} to="/account" leftSection={<IconUser size={16} aria-hidden />}>
          Account
        </Menu.Item>
        {person.way === "session" && (
          <Menu.Item
            leftSection={<IconLogout size={16} aria-hidden />}
            onClick={() => signOut.mutate({})}
          >
            Sign out
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

/** A name, with the initials that are seen where they are no part of it. */
function saidOf(name: string): string {
  const seen = initials(name);
  return name.toUpperCase().includes(seen) ? name : `${name} (${seen})`;
}
