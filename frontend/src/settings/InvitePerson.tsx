import { Button, Group, NumberInput, Select } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconUserPlus } from "@tabler/icons-react";
import { useState } from "react";
import { api, sentence } from "../api/client";
import type { Role } from "../people/who";
import type { MadeLink } from "./madeLink";
import { ROLES, usePeopleChanged } from "./roles";

/** Makes a link by which somebody makes their account. */
export function InvitePerson({ made }: { made: (link: MadeLink) => void }) {
  const changed = usePeopleChanged();
  const [role, setRole] = useState<Role>("editor");
  const [days, setDays] = useState<number | string>(7);
  const { mutate, isPending } = api.useMutation("post", "/api/people/invite", {
    onSuccess: (link, { body }) => {
      made({ ...link, title: `A link for a new ${body.role}` });
      void changed();
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "No link", message: sentence(error) }),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        mutate({ body: { role, days: Number(days) } });
      }}
    >
      <Group gap="xs" align="flex-end">
        <Select
          size="xs"
          w={150}
          label="Invite as"
          allowDeselect={false}
          data={ROLES}
          value={role}
          onChange={(value) => setRole(value as Role)}
        />
        <NumberInput
          size="xs"
          w={150}
          label="For how many days"
          min={1}
          max={90}
          allowDecimal={false}
          value={days}
          onChange={setDays}
        />
        <Button
          size="xs"
          type="submit"
          loading={isPending}
          disabled={days === ""}
          leftSection={<IconUserPlus size={14} aria-hidden />}
        >
          Make a link
        </Button>
      </Group>
    </form>
  );
}
