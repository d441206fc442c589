import { Alert, Container, Group, Skeleton, Stack, Text } from "@mantine/core";
import { IconEye } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, type Problem, type Schemas } from "../api/client";
import { comeWith } from "../api/credentials";
import { useFragment } from "../people/useFragment";
import { GUEST, WhoProvider } from "../people/who";
import { Empty } from "../ui/Empty";
import { Unanswered } from "../ui/Unanswered";
import { Compared } from "./Compared";
import { ExperimentResults } from "./ExperimentResults";
import { parsedView, type SharedView } from "./sharedView";

/** What a share link shows, to whoever has it: one view, with nothing around it. */
export function SharedPage() {
  const secret = useFragment("shared");
  const queries = useQueryClient();
  const [coming, setComing] = useState<string>();
  // Nothing is asked before it is known with what; what was read with it is forgotten after.
  useEffect(() => {
    comeWith(secret);
    setComing(secret);
    return () => {
      comeWith(undefined);
      queries.clear();
    };
  }, [secret, queries]);
  return (
    <WhoProvider value={GUEST}>
      <Container component="main" size={1600} p="md">
        {secret === undefined ? (
          <Empty title="There is nothing here">
            This address is a part of a link: open the whole of it, with what is behind #.
          </Empty>
        ) : (
          coming === secret && <Shown key={secret} />
        )}
      </Container>
    </WhoProvider>
  );
}

function Shown() {
  const { data, error } = api.useQuery("get", "/api/shared", {}, { retry: false });
  if ((error as Problem | null)?.status === 401) {
    return (
      <Empty title="This link shows nothing (any more)">
        It has ended, or it is not the whole link. Whoever gave it to you can make another.
      </Empty>
    );
  }
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={400} />;
  const view = parsedView(data.view);
  return (
    <Stack gap="sm">
      <Banner shared={data} />
      {view ? (
        <View first={view} />
      ) : (
        <Text>This link shows a view that this page does not know.</Text>
      )}
    </Stack>
  );
}

function Banner({ shared }: { shared: Schemas["SharedOut"] }) {
  return (
    <Alert color="blue" py="xs" role="note">
      <Group gap="xs" justify="space-between">
        <Group gap={6} wrap="nowrap">
          <IconEye size={16} aria-hidden style={{ flexShrink: 0 }} />
          <Text size="sm">
            {shared.author || "Somebody"} shares this with you. You look at it, and change nothing.
          </Text>
        </Group>
        <Text size="sm" c="dimmed">
          Until {new Date(shared.expires_at).toLocaleString()}
        </Text>
      </Group>
    </Alert>
  );
}

/** The view, as it was shared first and as its controls change it: the address has none of it. */
function View({ first }: { first: SharedView }) {
  const [view, setView] = useState(first);
  // A link to a tab shows this tab; one without shows all.
  const alone = first.search.tab !== undefined;
  if (view.kind === "experiment") {
    return (
      <ExperimentResults
        id={view.id}
        search={view.search}
        go={(search) => setView({ ...view, search })}
        alone={alone}
      />
    );
  }
  const { search } = view;
  return (
    <Compared
      items={search.of ?? []}
      search={search}
      change={(part) => setView({ ...view, search: { ...search, ...part } })}
      alone={alone}
    />
  );
}
