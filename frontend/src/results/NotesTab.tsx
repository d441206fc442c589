import {
  Alert,
  Button,
  Group,
  Paper,
  SegmentedControl,
  Select,
  Skeleton,
  Stack,
  Text,
  Textarea,
  Typography,
} from "@mantine/core";
import { keepPreviousData, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type ExperimentDetail, type Schemas, sentence } from "../api/client";
import { ago } from "../ui/format";

/** Notes in Markdown; every version is kept. */
export function NotesTab({ experiment }: { experiment: ExperimentDetail }) {
  const path = { experiment_id: experiment.id };
  const { data, error } = api.useQuery("get", "/api/experiments/{experiment_id}/notes", {
    params: { path },
  });
  if (error) return <Alert color="red">{sentence(error)}</Alert>;
  if (!data) return <Skeleton height={200} />;
  return <Notes experiment={experiment.id} versions={data} />;
}

type Version = Schemas["NoteOut"];

function Notes({ experiment, versions }: { experiment: number; versions: Version[] }) {
  const queries = useQueryClient();
  const [draft, setDraft] = useState<string | null>(null);
  const [base, setBase] = useState(0);
  const [preview, setPreview] = useState(false);
  const [shown, setShown] = useState<number | null>(null);
  const latest = versions[0];
  const version = versions.find(({ version }) => version === shown) ?? latest;
  const save = api.useMutation("post", "/api/experiments/{experiment_id}/notes", {
    onSuccess: async () => {
      await queries.invalidateQueries();
      setDraft(null);
      setShown(null);
    },
  });
  if (draft !== null) {
    return (
      <Stack gap="xs">
        <SegmentedControl
          size="xs"
          style={{ alignSelf: "start" }}
          aria-label="Write or preview"
          value={preview ? "preview" : "write"}
          onChange={(value) => setPreview(value === "preview")}
          data={[
            { value: "write", label: "Write" },
            { value: "preview", label: "Preview" },
          ]}
        />
        {preview ? (
          <Rendered text={draft} />
        ) : (
          <Textarea
            aria-label="Notes in Markdown"
            autosize
            minRows={10}
            styles={{ input: { fontFamily: "monospace" } }}
            value={draft}
            onChange={(event) => setDraft(event.currentTarget.value)}
          />
        )}
        {save.error && <Alert color="red">{sentence(save.error)}</Alert>}
        <Group gap="xs">
          <Button
            size="xs"
            loading={save.isPending}
            onClick={() =>
              save.mutate({
                params: { path: { experiment_id: experiment } },
                body: { text: draft, base },
              })
            }
          >
            Save
          </Button>
          <Button size="xs" variant="default" onClick={() => setDraft(null)}>
            Discard
          </Button>
        </Group>
      </Stack>
    );
  }
  const edit = () => {
    save.reset();
    setPreview(false);
    setBase(latest?.version ?? 0);
    setDraft(version?.text ?? "");
  };
  return (
    <Stack gap="xs">
      <Group gap="sm" align="flex-end">
        <Button size="xs" variant="default" onClick={edit}>
          {latest ? "Edit" : "Write notes"}
        </Button>
        {versions.length > 1 && (
          <Select
            size="xs"
            w={280}
            aria-label="Version"
            value={String(version?.version)}
            allowDeselect={false}
            data={versions.map(({ version: number, author, created_at }) => ({
              value: String(number),
              label: `Version ${number}, ${author}, ${ago(created_at)}`,
            }))}
            onChange={(value) => setShown(Number(value))}
          />
        )}
        {version && versions.length === 1 && (
          <Text size="sm" c="dimmed">
            {version.author}, {ago(version.created_at)}
          </Text>
        )}
      </Group>
      {version ? (
        <Rendered text={version.text} />
      ) : (
        <Text c="dimmed">
          What did you expect, and what did you see? Notes are Markdown, and every version is kept.
        </Text>
      )}
    </Stack>
  );
}

/** The server turns Markdown into HTML without scripts, images, or tags that people wrote. */
function Rendered({ text }: { text: string }) {
  const { data, error } = api.useQuery(
    "post",
    "/api/markdown",
    { body: { text: text || "*Nothing written.*" } },
    { placeholderData: keepPreviousData },
  );
  if (error) return <Alert color="red">{sentence(error)}</Alert>;
  if (!data) return <Skeleton height={200} />;
  return (
    <Paper withBorder p="md">
      <Typography
        style={{ overflowWrap: "anywhere" }}
        // biome-ignore lint/security/noDangerouslySetInnerHtml: made safe by backend/results/markdown_text.py
        dangerouslySetInnerHTML={{ __html: data.html }}
      />
    </Paper>
  );
}
