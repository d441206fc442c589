import { Anchor, Button, Stack } from "@mantine/core";
import { IconRocket } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useWhyNot } from "../people/may";
import { Empty } from "../ui/Empty";
import { ImportButton } from "./ImportButton";
import { useDemo } from "./useDemo";

/** The history before the first experiment: the demo, or ways to an experiment of your own. */
export function FirstStart() {
  const { launch, launching } = useDemo();
  const why = useWhyNot().launch;
  if (why !== undefined) {
    return (
      <Empty title="Nothing has been run yet">
        What your team launches appears here by itself.
      </Empty>
    );
  }
  return (
    <Empty title="Nothing has been run yet">
      <Stack align="center">
        See what five initialisations do to a small language model: ten short runs, a few minutes on
        two CPU cores.
        <Button
          size="md"
          leftSection={<IconRocket size={18} />}
          loading={launching}
          onClick={launch}
        >
          Launch the demo
        </Button>
        <Anchor component={Link} to="/launch" size="sm">
          or set up an experiment of your own
        </Anchor>
        <Anchor component={Link} to="/history" search={{ q: "is:archived" } as never} size="sm">
          or look at what was archived
        </Anchor>
        <ImportButton />
      </Stack>
    </Empty>
  );
}
