import { Badge, Button, Group, MultiSelect, Paper, Skeleton, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { api, type Schemas, sentence } from "../api/client";
import { EVERY_KIND, NOTICE_KINDS, type NoticeKind } from "../people/noticeKinds";
import { ask } from "../ui/asking";
import { breaking } from "../ui/breaking";
import { DataTable } from "../ui/DataTable";
import { ago } from "../ui/format";
import type { Column } from "../ui/table";
import { Unanswered } from "../ui/Unanswered";
import { NewChannel } from "./NewChannel";

type Channel = Schemas["NoticeChannelOut"];

const LISTED = api.queryOptions("get", "/api/notices/channels", {}, {});

/** Where one's notices are sent besides the page, and which. */
export function NoticeChannels() {
  const queries = useQueryClient();
  const { data, error } = api.useQuery("get", "/api/notices/channels", {}, { staleTime: 0 });
  const anew = () => void queries.invalidateQueries({ queryKey: LISTED.queryKey });
  const failed = (error: unknown) =>
    notifications.show({ color: "red", title: "Not done", message: sentence(error) });
  const remove = api.useMutation("delete", "/api/notices/channels/{channel_id}", {
    onSettled: anew,
    onError: failed,
  });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={160} />;
  const columns: Column<Channel>[] = [
    {
      id: "label",
      header: "Channel",
      value: (row) => row.label,
      cell: (row) => (
        <>
          <Text size="sm">{row.label}</Text>
          <Text size="xs" c="dimmed" style={breaking(row.shown)}>
            {row.shown}
          </Text>
        </>
      ),
    },
    {
      id: "do",
      header: "",
      value: () => undefined,
      cell: (row) => (
        <Group gap={4} wrap="nowrap">
          <Test channel={row} tested={anew} failed={failed} />
          <Button
            size="compact-xs"
            variant="default"
            aria-label={`Delete the channel ${row.label}`}
            onClick={() =>
              ask({
                title: `Delete the channel ${row.label}?`,
                text: "Nothing is sent there any more, also what waits for it.",
                act: "Delete",
                doing: () => remove.mutate({ params: { path: { channel_id: row.id } } }),
              })
            }
          >
            Delete
          </Button>
        </Group>
      ),
    },
    {
      id: "sent",
      header: "Last sent",
      value: (row) => row.sent_at ?? undefined,
      cell: (row) => <LastSent channel={row} />,
    },
    {
      id: "kinds",
      header: "Is sent",
      value: (row) => row.kinds.length,
      cell: (row) => <Kinds channel={row} saved={anew} failed={failed} />,
    },
  ];
  return (
    <Paper withBorder p="md" role="region" aria-label="Notices">
      <Title order={4}>Notices by mail and in chats</Title>
      <Text size="sm" c="dimmed" mb="sm">
        What you choose here is sent to you besides the bell: what happens within a minute together,
        ten messages at most, then one every six minutes. An address holds secrets: it is stored
        encrypted, and never shown again.
      </Text>
      {data.missing === null ? (
        <NewChannel schemas={data.schemas} added={anew} />
      ) : (
        <Text size="sm" mb="xs" role="alert">
          {data.missing}
        </Text>
      )}
      <DataTable
        rows={data.channels}
        columns={columns}
        caption="Channels"
        minWidth={640}
        empty="You have none."
      />
    </Paper>
  );
}

interface RowProps {
  channel: Channel;
  failed: (error: unknown) => void;
}

function Kinds({ channel, saved, failed }: RowProps & { saved: () => void }) {
  const { mutate, isPending } = api.useMutation("patch", "/api/notices/channels/{channel_id}", {
    onSettled: saved,
    onError: failed,
  });
  return (
    <MultiSelect
      size="xs"
      miw={220}
      aria-label={`What is sent to ${channel.label}`}
      placeholder={channel.kinds.length === 0 ? "nothing" : undefined}
      data={EVERY_KIND.map((value) => ({ value, label: NOTICE_KINDS[value] }))}
      value={channel.kinds}
      disabled={isPending}
      onChange={(kinds) =>
        mutate({
          params: { path: { channel_id: channel.id } },
          body: { kinds: kinds as NoticeKind[] },
        })
      }
    />
  );
}

function LastSent({ channel: { sent_at, trouble, paused } }: { channel: Channel }) {
  return (
    <>
      <Text size="sm">{sent_at ? ago(sent_at) : "never"}</Text>
      {trouble && (
        <Text size="xs" c="red" maw={260}>
          The last one did not arrive: {trouble}.
        </Text>
      )}
      {paused && (
        <Badge color="orange" size="sm" title="It goes on when a test arrives">
          paused
        </Badge>
      )}
    </>
  );
}

function Test({ channel, tested, failed }: RowProps & { tested: () => void }) {
  const { mutate, isPending } = api.useMutation("post", "/api/notices/channels/{channel_id}/test", {
    onSettled: tested,
    onError: failed,
    onSuccess: ({ reason }) =>
      notifications.show(
        reason === null
          ? { color: "teal", title: "Sent", message: `A word went to ${channel.label}.` }
          : { color: "red", title: "Not sent", message: `To ${channel.label}: ${reason}.` },
      ),
  });
  return (
    <Button
      size="compact-xs"
      variant="default"
      loading={isPending}
      aria-label={`Test the channel ${channel.label}`}
      onClick={() => mutate({ params: { path: { channel_id: channel.id } } })}
    >
      Test
    </Button>
  );
}
