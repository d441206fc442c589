import { Alert, Button, Group, SegmentedControl, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { api, type Schemas, sentence } from "../api/client";
import { DraftBar } from "../ui/DraftBar";
import type { Draft } from "../ui/draft";
import { RenderedMarkdown } from "./RenderedMarkdown";

/** A note that is being written, and the version that it was begun on; 0: there was none. */
export interface NoteDraft {
  text: string;
  base: number;
}

export function isNoteDraft(stored: unknown): stored is NoteDraft {
  const { text, base } = (stored ?? {}) as Partial<NoteDraft>;
  return typeof text === "string" && Number.isInteger(base);
}

interface Props {
  experiment: number;
  latest: Schemas["NoteOut"] | undefined;
  kept: Draft<NoteDraft>;
  draft: NoteDraft;
  /** Reads the versions anew; is awaited before the draft is forgotten. */
  readAnew: () => Promise<void>;
}

/** Writes and previews a note, and saves it on top of what the writer has seen. */
export function NoteEditor({ experiment, latest, kept, draft, readAnew }: Props) {
  const [preview, setPreview] = useState(false);
  const { text, base } = draft;
  const save = api.useMutation("post", "/api/experiments/{experiment_id}/notes", {
    onSuccess: async (saved, { body }) => {
      await readAnew();
      // What was typed meanwhile goes on from the version that it is a part of.
      kept.sent({ text: body.text, base }, (typed) => ({ ...typed, base: saved.version }));
    },
    // Somebody may have been faster: their version is shown then.
    onError: () => void readAnew(),
  });
  const params = { path: { experiment_id: experiment } };
  const saveOn = (version: number) => save.mutate({ params, body: { text, base: version } });
  // While it is saved, the newest version is its own.
  const newer = latest && latest.version !== base && !save.isPending ? latest : undefined;
  return (
    <Stack gap="xs">
      <Group gap="sm">
        <SegmentedControl
          size="xs"
          aria-label="Write or preview"
          value={preview ? "preview" : "write"}
          onChange={(value) => setPreview(value === "preview")}
          data={[
            { value: "write", label: "Write" },
            { value: "preview", label: "Preview" },
          ]}
        />
        <DraftBar {...kept} />
      </Group>
      {preview ? (
        <RenderedMarkdown text={text} />
      ) : (
        <Textarea
          aria-label="Notes in Markdown"
          autosize
          minRows={10}
          styles={{ input: { fontFamily: "monospace" } }}
          value={text}
          onChange={(event) => kept.keep({ text: event.currentTarget.value, base })}
        />
      )}
      {newer && (
        <Alert color="yellow" title={`Version ${newer.version} was written in between`}>
          <Text size="sm" mb="xs">
            {newer.author} wrote it after you began. Take over what you need; every version is kept.
          </Text>
          <RenderedMarkdown text={newer.text} />
        </Alert>
      )}
      {save.error && !newer && <Alert color="red">{sentence(save.error)}</Alert>}
      <Group gap="xs">
        <Button
          size="xs"
          loading={save.isPending}
          onClick={() => saveOn(newer ? newer.version : base)}
        >
          {newer ? `Save on top of version ${newer.version}` : "Save"}
        </Button>
      </Group>
    </Stack>
  );
}
