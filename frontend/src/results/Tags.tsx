import { Badge, Group, TagsInput } from "@mantine/core";
import type { Experiment } from "../api/client";
import { useWhyNot } from "../people/may";
import { useDraftText } from "../ui/draft";
import { useExperimentChange } from "./useExperimentChange";

/** The tags of an experiment, and the next one as it is typed. */
export function Tags({ experiment }: { experiment: Experiment }) {
  const [typed, type] = useDraftText(`tag of ${experiment.id}`);
  const { change, asked } = useExperimentChange(experiment.id, ({ tags }) => {
    // A tag that is refused comes back, to be changed, unless the next one is being typed.
    const refused = (tags ?? []).filter((tag) => !experiment.tags.includes(tag));
    if (typed === "") type(refused.join(","));
  });
  const why = useWhyNot().change(experiment.owner);
  if (why !== undefined) {
    return (
      <Group gap={4} title={why}>
        {experiment.tags.map((tag) => (
          <Badge key={tag} size="sm" variant="default" tt="none">
            {tag}
          </Badge>
        ))}
      </Group>
    );
  }
  // Those that are being saved: the next one is added to them.
  const tags = asked.tags ?? experiment.tags;
  return (
    <TagsInput
      size="xs"
      w={{ base: "100%", sm: 260 }}
      aria-label="Tags"
      placeholder={tags.length === 0 ? "add tags" : undefined}
      splitChars={[",", " ", ";"]}
      searchValue={typed}
      onSearchChange={type}
      value={tags}
      onChange={(tags) => change({ tags })}
    />
  );
}
