import { ActionIcon, Code, Modal, ScrollArea, Select, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFileText } from "@tabler/icons-react";
import { useState } from "react";
import { api, type Run } from "../../api/client";
import { Unanswered } from "../../ui/Unanswered";

const REFRESH_MS = 3000;

/** Opens what a run printed, such as warnings of libraries and the traceback of a failure. */
export function RunLog({ run }: { run: Run }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <ActionIcon
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={`Log of run ${run.id}`}
        title="Log"
        onClick={open}
      >
        <IconFileText size={14} />
      </ActionIcon>
      <Modal opened={opened} onClose={close} title={`Log of run ${run.id}`} size="xl">
        {opened && <Printed run={run} />}
      </Modal>
    </>
  );
}

function Printed({ run }: { run: Run }) {
  const [attempt, setAttempt] = useState<number>();
  const { data, error } = api.useQuery(
    "get",
    "/api/runs/{run_id}/log",
    { params: { path: { run_id: run.id }, query: { attempt } } },
    { refetchInterval: run.status === "running" ? REFRESH_MS : false },
  );
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return null;
  return (
    <Stack gap="xs">
      {data.attempts.length > 1 && (
        <Select
          label="Attempt"
          w={120}
          allowDeselect={false}
          data={data.attempts.map(String)}
          value={String(data.attempt)}
          onChange={(value) => setAttempt(Number(value))}
        />
      )}
      {data.text ? (
        <ScrollArea.Autosize mah="60vh">
          <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
            {data.text}
          </Code>
        </ScrollArea.Autosize>
      ) : (
        <Text c="dimmed" size="sm">
          Nothing was printed.
        </Text>
      )}
    </Stack>
  );
}
