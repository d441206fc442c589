import { Button, Modal, Select, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconUserShare } from "@tabler/icons-react";
import { useState } from "react";
import { api, type Experiment } from "../api/client";
import { useWhyNot } from "../people/may";
import { useAccounts, useWho } from "../people/who";
import { ask } from "../ui/asking";
import { useExperimentChange } from "./useExperimentChange";

/** Makes an experiment another person's; for administrators. */
export function GiveAway({ experiment }: { experiment: Experiment }) {
  const accounts = useAccounts();
  const why = useWhyNot().administer;
  const [opened, { open, close }] = useDisclosure(false);
  if (!accounts || why !== undefined) return null;
  return (
    <>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconUserShare size={14} aria-hidden />}
        onClick={open}
      >
        Owner …
      </Button>
      <Modal opened={opened} onClose={close} title="Whose experiment this is">
        {opened && <Choice experiment={experiment} done={close} />}
      </Modal>
    </>
  );
}

function Choice({ experiment, done }: { experiment: Experiment; done: () => void }) {
  const { person: me } = useWho();
  const { change } = useExperimentChange(experiment.id);
  const { data: people } = api.useQuery("get", "/api/people", {}, { staleTime: 0 });
  const [to, setTo] = useState<string | null>(
    experiment.owner === null ? null : String(experiment.owner),
  );
  const named = people?.find(({ id }) => String(id) === to);
  const give = () => {
    if (!named) return;
    done();
    const mine = experiment.owner === me?.id;
    ask({
      title: `Give “${experiment.name}” to ${named.name}?`,
      text: (
        <Text size="sm">
          From then on it is theirs to change, to share and to delete, and counts for what they use.
          Share links that show it end.{" "}
          {mine && "It is yours now: afterwards it is not, and links of yours end."}
        </Text>
      ),
      act: "Give it to them",
      doing: () => change({ owner: named.id }),
    });
  };
  return (
    <Stack gap="sm">
      <Select
        label="Owner"
        searchable
        allowDeselect={false}
        data={(people ?? [])
          .filter(({ account, id }) => account || id === experiment.owner)
          .map(({ id, name }) => ({ value: String(id), label: name }))}
        value={to}
        onChange={setTo}
      />
      <Button size="xs" disabled={!named || named.id === experiment.owner} onClick={give}>
        Give it to them …
      </Button>
    </Stack>
  );
}
