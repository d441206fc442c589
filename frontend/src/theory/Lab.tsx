import { Button, Grid, Group, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDeviceFloppy, IconRotate } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { api, type Catalog, type ExperimentSpec, type Problem, sentence } from "../api/client";
import { Allowed } from "../people/Allowed";
import { useWhyNot } from "../people/may";
import { SpecFormProvider } from "../spec/SpecForm";
import { DraftBar } from "../ui/DraftBar";
import { useDraft } from "../ui/draft";
import { offerUndo } from "../ui/undo";
import { Controls } from "./Controls";
import { Solution } from "./Solution";
import { applied, areChanges, type Changes, changed, type TheorySearch } from "./search";
import { type Solved, useSolution } from "./useSolution";

interface Props {
  catalog: Catalog;
  start: ExperimentSpec;
  /** What it starts from; its changes are kept by it. */
  of: string;
  /** The preset that it starts from, if any. */
  active: string | undefined;
  summary: string;
  /** The link to it. */
  search: TheorySearch;
}

interface BenchProps extends Props {
  spec: ExperimentSpec;
  solved: Solved;
}

const UNNAMED = "Untitled";

/** A problem as the URL has it. The last solution stays while that of another one comes. */
export function Lab(props: Props) {
  const { start, of, search } = props;
  const text = JSON.stringify(search.changes ?? {});
  // biome-ignore lint/correctness/useExhaustiveDependencies: the changes by value, not by identity
  const spec = useMemo(() => applied(start, search.changes), [start, text]);
  // What it is called makes no other problem of it.
  const problem = useMemo(() => ({ ...spec, name: UNNAMED, description: "" }), [spec]);
  const solved = useSolution(problem, of);
  return <Bench key={of} {...props} spec={spec} solved={solved} />;
}

/** The controls of a problem beside its solution. */
function Bench({ catalog, start, of, active, summary, search, spec, solved }: BenchProps) {
  const navigate = useNavigate();
  const why = useWhyNot().launch;
  const changes = search.changes ?? {};
  const text = JSON.stringify(changes);
  const go = (more: Changes | undefined) => {
    const { changes: _, ...rest } = search;
    const next = more && Object.keys(more).length > 0 ? { changes: more } : {};
    void navigate({
      to: "/theory",
      search: { ...rest, ...next },
      replace: true,
      resetScroll: false,
    });
  };
  const kept = useChangesKept(catalog, of, search, go);
  const { draft } = kept;
  // What was kept here and is not in the URL yet: no other draft than what is shown.
  const written = useRef("");
  const keep = (next: Changes) => {
    written.current = JSON.stringify(next);
    kept.keep(next);
  };
  const isDraft = JSON.stringify(draft) === text;
  if (isDraft) written.current = "";
  // Of a link with changes: the reader's own, which are not what is shown.
  const others = search.changes && !isDraft ? draft : undefined;
  const sending = useRef<Changes>({});
  const send = api.useMutation("post", "/api/experiments", {
    onSuccess: ({ id }) => {
      kept.sent(sending.current);
      void navigate({ to: "/experiments/$id", params: { id } });
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not stored", message: sentence(error) }),
  });
  const change = (next: Changes) => {
    if (Object.keys(next).length > 0) keep(next);
    else kept.discard();
    go(next);
  };
  const reset = () => {
    change({});
    kept.undoable("Every change was taken back", () => {
      go(changes);
      if (draft) keep(draft);
    });
  };
  const choose = (preset: string) => {
    void navigate({ to: "/theory", search: { preset } });
    if (text === "{}" || preset === active) return;
    // What a link changed is kept as well, though not in place of what the reader changed.
    const keepable = draft === undefined && areChanges(catalog.spec_schema, changes);
    if (keepable) keep(changes);
    offerUndo(
      isDraft || keepable ? `${preset} applied; what you had changed is kept` : `${preset} applied`,
      () => void navigate({ to: "/theory", search }),
    );
  };
  const set = (path: string, value: unknown) => {
    // One that is under way goes on, and there is no second beside it.
    if (!send.isPending) send.reset();
    if (others && written.current !== JSON.stringify(others)) {
      offerUndo("What you had changed before is replaced", () => {
        keep(others);
        go(others);
      });
    }
    change(changed(start, changes, path, value));
  };
  const refused = (solved.error ?? send.error) as Problem | null | undefined;
  const problems = refused?.errors ?? [];
  return (
    <SpecFormProvider value={{ spec, schema: catalog.spec_schema, problems, set }}>
      <Group justify="space-between" mb="xs">
        <Title order={2}>Theory lab</Title>
        <Group gap="xs">
          {isDraft && <DraftBar {...kept} discard={() => change({})} />}
          <Button
            size="xs"
            variant="default"
            leftSection={<IconRotate size={14} />}
            disabled={text === "{}"}
            onClick={reset}
          >
            Reset
          </Button>
          <Allowed why={why}>
            <Button
              size="xs"
              leftSection={<IconDeviceFloppy size={14} />}
              loading={send.isPending}
              onClick={() => {
                sending.current = changes;
                send.mutate({ body: spec });
              }}
            >
              Send to history
            </Button>
          </Allowed>
        </Group>
      </Group>
      <Group gap={6} mb="xs" role="group" aria-label="Presets">
        {catalog.theory.map(({ name, label, summary: help }) => (
          <Button
            key={name}
            size="compact-sm"
            title={help}
            variant={name === active ? "filled" : "default"}
            onClick={() => choose(name)}
          >
            {name} {label}
          </Button>
        ))}
      </Group>
      <Text c="dimmed" maw={900} mb="sm">
        {summary}
      </Text>
      <Grid>
        <Grid.Col span={{ base: 12, md: 4 }} order={{ base: 2, md: 1 }}>
          <Controls catalog={catalog} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 8 }} order={{ base: 1, md: 2 }}>
          <Solution solved={solved} />
        </Grid.Col>
      </Grid>
    </SpecFormProvider>
  );
}

/** The changes as a draft: a link without any, such as that of the navigation, gets them back. */
function useChangesKept(
  catalog: Catalog,
  of: string,
  search: TheorySearch,
  go: (changes: Changes) => void,
) {
  const kept = useDraft(`theory ${of}`, (stored) => areChanges(catalog.spec_schema, stored));
  const lost = search.changes === undefined && kept.draft !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: when they are lost, and only then
  useEffect(() => {
    if (lost && kept.draft) go(kept.draft);
  }, [lost]);
  return kept;
}
