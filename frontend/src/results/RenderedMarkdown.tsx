import { Paper, Skeleton, Typography } from "@mantine/core";
import { keepPreviousData } from "@tanstack/react-query";
import { api } from "../api/client";
import { Outdated } from "../ui/Outdated";
import { Unanswered } from "../ui/Unanswered";

/** The server turns Markdown into HTML without scripts, images, or tags that people wrote. */
export function RenderedMarkdown({ text }: { text: string }) {
  const { data, error, isPlaceholderData } = api.useQuery(
    "post",
    "/api/markdown",
    { body: { text: text || "*Nothing written.*" } },
    { placeholderData: keepPreviousData },
  );
  if (error && !data) return <Unanswered error={error} />;
  if (!data) return <Skeleton height={200} />;
  return (
    <Paper withBorder p="md">
      <Outdated when={isPlaceholderData}>
        <Typography
          style={{ overflowWrap: "anywhere" }}
          // biome-ignore lint/security/noDangerouslySetInnerHtml: made safe by backend/results/markdown_text.py
          dangerouslySetInnerHTML={{ __html: data.html }}
        />
      </Outdated>
    </Paper>
  );
}
