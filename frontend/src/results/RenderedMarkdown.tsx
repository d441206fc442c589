import { Paper, Skeleton } from "@mantine/core";
import { keepPreviousData } from "@tanstack/react-query";
import { api } from "../api/client";
import { Outdated } from "../ui/Outdated";
import { Unanswered } from "../ui/Unanswered";
import { Written } from "../ui/Written";

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
        <Written html={data.html} />
      </Outdated>
    </Paper>
  );
}
