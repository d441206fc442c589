import { Button, Group, Select, Skeleton, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type ExperimentDetail, type Schemas } from "../api/client";
import { changed } from "../api/live";
import { Allowed } from "../people/Allowed";
import { useWhyNot } from "../people/may";
import { useWho } from "../people/who";
import { useDraft } from "../ui/draft";
import { ago } from "../ui/format";
import { Unanswered } from "../ui/Unanswered";
import { isNoteDraft, NoteEditor } from "./NoteEditor";
import { RenderedMarkdown } from "./RenderedMarkdown";

/** Notes in Markdown; every version is kept. */
export function NotesTab({ experiment }: { experiment: ExperimentDetail }) {
  const path = { experiment_id: experiment.id };
  const { data, error } = api.useQuery("get", "/api/experiments/{experiment_id}/notes", {
    params: { path },
  });
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={200} />;
  return <Notes experiment={experiment.id} owner={experiment.owner} versions={data} />;
}

type Version = Schemas["NoteOut"];

interface NotesProps {
  experiment: number;
  owner: number | null;
  versions: Version[];
}

function Notes({ experiment, owner, versions }: NotesProps) {
  const { guest } = useWho();
  const why = useWhyNot().change(owner);
  const queries = useQueryClient();
  const kept = useDraft(`notes of ${experiment}`, isNoteDraft);
  const [shown, setShown] = useState<number | null>(null);
  const latest = versions[0];
  const version = versions.find(({ version }) => version === shown) ?? latest;
  // A draft of when one could still save it, or of who sat here before, stays where it is.
  if (kept.draft !== undefined && why === undefined) {
    return (
      <NoteEditor
        experiment={experiment}
        latest={latest}
        kept={kept}
        draft={kept.draft}
        readAnew={async () => {
          await changed(queries, { kind: "notes", experiment, run: 0 });
          setShown(null);
        }}
      />
    );
  }
  return (
    <Stack gap="xs">
      <Group gap="sm" align="flex-end">
        {!guest && (
          <Allowed why={why}>
            <Button
              size="xs"
              variant="default"
              onClick={() => kept.keep({ text: version?.text ?? "", base: latest?.version ?? 0 })}
            >
              {latest ? "Edit" : "Write notes"}
            </Button>
          </Allowed>
        )}
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
        <RenderedMarkdown text={version.text} />
      ) : (
        <Text c="dimmed">
          {why === undefined
            ? "What did you expect, and what did you see? Notes are Markdown, and every version is kept."
            : "Nothing has been written."}
        </Text>
      )}
    </Stack>
  );
}
