import { ActionIcon, Button, Group, Menu, Modal, Select, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconDotsVertical } from "@tabler/icons-react";
import { useState } from "react";
import { api, type Schemas, sentence } from "../api/client";
import { useWho } from "../people/who";
import type { MadeLink } from "./madeLink";
import { PersonQuotas } from "./PersonQuotas";
import { isNamed } from "./persons";
import { usePeopleChanged } from "./roles";

type Person = Schemas["PersonOut"];

const INVITED_DAYS = 7;

interface Props {
  person: Person;
  people: Person[];
  made: (link: MadeLink) => void;
}

/** What an administrator can do about somebody. */
export function PersonActions({ person, people, made }: Props) {
  const { auth, person: me } = useWho();
  const changed = usePeopleChanged();
  const [claiming, { open: claim, close }] = useDisclosure(false);
  const [limiting, limit] = useDisclosure(false);
  const params = { path: { person_id: person.id } };
  const onError = (error: unknown) =>
    notifications.show({ color: "red", title: "Not done", message: sentence(error) });
  const change = api.useMutation("patch", "/api/people/{person_id}", {
    onSuccess: changed,
    onError,
  });
  const reset = api.useMutation("post", "/api/people/{person_id}/reset", {
    onSuccess: (link) => {
      made({ ...link, title: `A link for a new password of ${person.name}` });
      void changed();
    },
    onError,
  });
  const invite = api.useMutation("post", "/api/people/invite", {
    onSuccess: (link) => {
      made({ ...link, title: `A link for an account of ${person.name}` });
      void changed();
    },
    onError,
  });
  const disabled = person.more?.disabled ?? false;
  const named = isNamed(person);
  const self = person.id === me?.id;
  return (
    <>
      <Menu position="bottom-end" width={260}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Options of ${person.name}`}>
            <IconDotsVertical size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={limit.open}>Quotas …</Menu.Item>
          {self ? null : named ? (
            <>
              {auth === "local" && (
                <Menu.Item
                  onClick={() =>
                    invite.mutate({
                      body: { role: "editor", days: INVITED_DAYS, person: person.id },
                    })
                  }
                >
                  Invite as an editor
                  <Text size="xs" c="dimmed">
                    The account has what {person.name} launched
                  </Text>
                </Menu.Item>
              )}
              <Menu.Item onClick={claim}>Give what it launched to an account …</Menu.Item>
            </>
          ) : (
            <>
              {person.more?.source === "local" && !disabled && (
                <Menu.Item onClick={() => reset.mutate({ params })}>
                  Link for a new password
                  <Text size="xs" c="dimmed">
                    The old one is void; all their browsers and tokens end
                  </Text>
                </Menu.Item>
              )}
              <Menu.Item
                color={disabled ? undefined : "red"}
                onClick={() => change.mutate({ params, body: { disabled: !disabled } })}
              >
                {disabled ? "Let in again" : "Let in no more"}
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      <Modal opened={limiting} onClose={limit.close} title={`How much ${person.name} may use`}>
        {limiting && <PersonQuotas person={person} done={limit.close} />}
      </Modal>
      <Modal opened={claiming} onClose={close} title={`What ${person.name} launched`}>
        {claiming && <Claim named={person} people={people} done={close} />}
      </Modal>
    </>
  );
}

function Claim({ named, people, done }: { named: Person; people: Person[]; done: () => void }) {
  const changed = usePeopleChanged();
  const [to, setTo] = useState<string | null>(null);
  const { mutate, isPending } = api.useMutation("post", "/api/people/{person_id}/claim", {
    onSuccess: ({ experiments }) => {
      const counted = `${experiments} ${experiments === 1 ? "experiment has" : "experiments have"}`;
      notifications.show({ message: `${counted} another owner` });
      done();
      return changed();
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not done", message: sentence(error) }),
  });
  return (
    <Stack>
      <Text size="sm">
        The experiments, notes and saved views of {named.name} become an account's. This cannot be
        taken back.
      </Text>
      <Select
        label="The account"
        searchable
        data={people
          .filter((each) => each.account)
          .map(({ id, name }) => ({ value: String(id), label: name }))}
        value={to}
        onChange={setTo}
      />
      <Group>
        <Button
          size="xs"
          disabled={to === null}
          loading={isPending}
          onClick={() =>
            mutate({ params: { path: { person_id: Number(to) } }, body: { person: named.id } })
          }
        >
          Give it to them
        </Button>
      </Group>
    </Stack>
  );
}
