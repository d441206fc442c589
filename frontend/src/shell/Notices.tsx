import {
  ActionIcon,
  Anchor,
  Checkbox,
  Group,
  Indicator,
  Popover,
  ScrollArea,
  Stack,
  Text,
  UnstyledButton,
} from "@mantine/core";
import { IconBell } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Schemas } from "../api/client";
import { changed, useUnread } from "../api/live";
import { EVERY_KIND, NOTICE_KINDS, type NoticeKind } from "../people/noticeKinds";
import { ago } from "../ui/format";
import { useBrowserNotices, useNotifications } from "./useBrowserNotices";

export type Notice = Schemas["NoticeOut"];
type Kind = Notice["kind"];

/** Where a notice leads. */
export function leadsTo({ kind, experiment }: Notice): string {
  if (kind === "channel") return "/settings?tab=notices";
  if (experiment === null) return "/queue";
  const tabs: Partial<Record<Kind, string>> = { mentioned: "?tab=comments", failed: "?tab=runs" };
  return `/experiments/${experiment}${tabs[kind] ?? ""}`;
}

/** A bell with how much one has not read; it opens what one was told, and what one wants to be. */
export function Notices() {
  const queries = useQueryClient();
  const [opened, setOpened] = useState(false);
  const browser = useBrowserNotices();
  const atFirst = useUnread();
  // The feed says how many there are; which ones is asked when somebody looks, or there are others.
  const asked = opened || browser.on || atFirst === null;
  const { data } = api.useQuery("get", "/api/notices", {}, { enabled: asked });
  useNotifications(browser.on, data?.notices);
  const [choosing, setChoosing] = useState(false);
  const onSuccess = () => changed(queries, { kind: "notices", experiment: 0, run: 0 });
  const mark = api.useMutation("post", "/api/notices/read", { onSuccess });
  const unread = data?.unread ?? atFirst ?? 0;
  return (
    <Popover opened={opened} onChange={setOpened} width={360} position="bottom-end" withArrow>
      <Indicator label={unread} size={16} disabled={unread === 0} offset={6}>
        <Popover.Target>
          <ActionIcon
            variant="subtle"
            size="lg"
            aria-label={unread > 0 ? `Notices: ${unread} not read` : "Notices"}
            onClick={() => setOpened(!opened)}
          >
            <IconBell size={18} />
          </ActionIcon>
        </Popover.Target>
      </Indicator>
      <Popover.Dropdown maw="calc(100vw - 16px)" p="xs">
        <Stack gap="xs">
          <Group gap="sm">
            <Small onClick={() => setChoosing(!choosing)}>
              {choosing ? "Back to the notices" : "Which ones"}
            </Small>
            {unread > 0 && (
              <Small onClick={() => mark.mutate({ body: { read: true } })}>Mark all read</Small>
            )}
          </Group>
          {choosing && data ? (
            <Choice
              kinds={data.kinds}
              saved={onSuccess}
              browser={browser}
              leave={() => setOpened(false)}
            />
          ) : (
            <ScrollArea.Autosize mah="60vh">
              {(data?.notices ?? []).map((notice) => (
                <Row
                  key={notice.id}
                  notice={notice}
                  read={(read) => mark.mutate({ body: { ids: [notice.id], read } })}
                  leave={() => setOpened(false)}
                />
              ))}
              {data?.notices.length === 0 && (
                <Text size="sm" c="dimmed">
                  Nothing yet. You are told here when your experiments end or fail, and when
                  somebody mentions you.
                </Text>
              )}
            </ScrollArea.Autosize>
          )}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function Small({ onClick, children }: { onClick: () => void; children: React.ReactNode }) {
  return (
    <Anchor component="button" type="button" size="xs" onClick={onClick}>
      {children}
    </Anchor>
  );
}

interface RowProps {
  notice: Notice;
  read: (read: boolean) => void;
  leave: () => void;
}

function Row({ notice, read, leave }: RowProps) {
  const router = useRouter({ warn: false });
  const fresh = notice.read_at === null;
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start" py={4}>
      <UnstyledButton
        flex={1}
        miw={0}
        onClick={() => {
          if (fresh) read(true);
          leave();
          void router?.navigate({ href: leadsTo(notice) } as never);
        }}
      >
        <Text size="sm" fw={fresh ? 600 : undefined} lineClamp={3}>
          {notice.text}
        </Text>
        <Text size="xs" c="dimmed">
          {ago(notice.at)}
          {notice.count > 1 && `, ${notice.count} times`}
        </Text>
      </UnstyledButton>
      <Small onClick={() => read(fresh)}>{fresh ? "Read" : "Unread"}</Small>
    </Group>
  );
}

interface ChoiceProps {
  leave: () => void;
  kinds: NoticeKind[];
  saved: () => Promise<void>;
  browser: ReturnType<typeof useBrowserNotices>;
}

function Choice({ kinds, saved, browser, leave }: ChoiceProps) {
  const router = useRouter({ warn: false });
  const choose = api.useMutation("put", "/api/notices/kinds", { onSuccess: saved });
  return (
    <Stack gap={6}>
      {EVERY_KIND.map((kind) => (
        <Checkbox
          key={kind}
          size="xs"
          label={NOTICE_KINDS[kind]}
          checked={kinds.includes(kind)}
          disabled={choose.isPending}
          onChange={({ currentTarget: { checked } }) => {
            const others = kinds.filter((one) => one !== kind);
            choose.mutate({ body: { kinds: checked ? [...others, kind] : others } });
          }}
        />
      ))}
      <Checkbox
        size="xs"
        mt="xs"
        label="Also as notifications of this browser"
        description={browser.refused ? "The browser does not allow it for this page." : undefined}
        checked={browser.on}
        disabled={browser.refused}
        onChange={({ currentTarget: { checked } }) => void browser.turn(checked)}
      />
      <Small
        onClick={() => {
          leave();
          void router?.navigate({ to: "/settings", search: { tab: "notices" } });
        }}
      >
        By mail or in a chat
      </Small>
    </Stack>
  );
}
