import { Group, Paper, Stack, Text, Title } from "@mantine/core";
import { api } from "../api/client";
import { Empty } from "../ui/Empty";
import { NameForm } from "./NameForm";
import { PasswordForm } from "./PasswordForm";
import { PersonAvatar } from "./PersonAvatar";
import { SignIns } from "./SignIns";
import { Tokens } from "./Tokens";
import { Usage } from "./Usage";
import { useWho } from "./who";

const MAY = {
  viewer: "You look at results.",
  editor: "You launch experiments, and change what is yours.",
  administrator: "You decide about people, lanes and everything that is here.",
};

/** One's own account: password, browsers, access tokens. */
export function AccountPage() {
  const { person, auth } = useWho();
  if (!person || auth === "none") {
    return (
      <Empty title="There are no accounts here">
        Whoever reaches this server may do everything. LORAONE_AUTH sets up accounts.
      </Empty>
    );
  }
  return (
    <Stack>
      <Group wrap="nowrap">
        <PersonAvatar name={person.name} colour={person.colour} size={48} />
        <div>
          <Title order={2}>{person.name}</Title>
          <Text c="dimmed">
            {person.role}. {MAY[person.role]}
          </Text>
        </div>
      </Group>
      <NameForm key={person.name} name={person.name} />
      {person.password && <PasswordForm />}
      {person.way === "session" && <SignIns />}
      {person.id !== null && <OwnUsage person={person.id} />}
      <Tokens />
    </Stack>
  );
}

/** How much of the machine one uses and may. */
function OwnUsage({ person }: { person: number }) {
  const params = { params: { path: { person_id: person } } };
  const { data } = api.useQuery("get", "/api/people/{person_id}/quotas", params, { staleTime: 0 });
  if (!data) return null;
  return (
    <Paper withBorder p="md" role="region" aria-label="Use of the machine">
      <Title order={4} mb="xs">
        What you use
      </Title>
      <Stack gap="xs" maw={420}>
        <Usage quotas={data} />
      </Stack>
    </Paper>
  );
}
