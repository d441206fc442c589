import { Button, Grid, Group, Stack, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { keepPreviousData } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { api, type Catalog, type ExperimentSpec, type Problem, sentence } from "../api/client";
import { likeSpec } from "../spec/likeSpec";
import { withValue } from "../spec/path";
import { SpecFormProvider } from "../spec/SpecForm";
import { UnshownValues } from "../spec/UnshownValues";
import { DraftBar } from "../ui/DraftBar";
import { useDraft } from "../ui/draft";
import { offerUndo } from "../ui/undo";
import { LaunchFields } from "./LaunchFields";
import { PlanPanel } from "./PlanPanel";
import type { LaunchSearch } from "./search";

interface Props {
  catalog: Catalog;
  start: ExperimentSpec;
  /** What it starts from: a preset's name, or another experiment or run. Its draft is kept by it. */
  active: string;
  /** The link to it. */
  search: LaunchSearch;
}

/** The form from where it starts, or from its draft, with its plan beside it. */
export function LaunchForm({ catalog, start, active, search }: Props) {
  const navigate = useNavigate();
  const kept = useDraft(`launch ${active}`, (stored) => likeSpec(start, stored));
  const spec = kept.draft ?? start;
  // A draft too: whoever has to sign in again launches nothing for all to see by that.
  const hidden = useDraft(`launch ${active}, private`, isTrue);
  const [settled] = useDebouncedValue(spec, 250);
  const plan = api.useQuery(
    "post",
    "/api/plan",
    { body: settled },
    {
      retry: false,
      placeholderData: keepPreviousData,
      // The estimate follows once the device has been measured.
      refetchInterval: ({ state }) => (state.data?.cost?.waiting ? 3000 : false),
    },
  );
  const launch = api.useMutation("post", "/api/experiments", {
    onSuccess: ({ id }, { body }) => {
      kept.sent(body);
      hidden.discard();
      void navigate({ to: "/experiments/$id", params: { id } });
    },
    onError: (error) =>
      notifications.show({ color: "red", title: "Not launched", message: sentence(error) }),
  });
  // A launch that failed for another reason, such as a full disk, may be tried again.
  const refused = [plan.error, launch.error] as unknown as (Problem | null)[];
  const problems =
    refused.map((problem) => problem?.errors ?? []).find(({ length }) => length) ?? [];
  const set = (path: string, value: unknown) => {
    // One that is under way goes on, and there is no second beside it.
    if (!launch.isPending) launch.reset();
    const next = withValue(spec, path, value);
    if (JSON.stringify(next) === JSON.stringify(start)) kept.discard();
    else kept.keep(next);
  };
  const choose = (preset: { name: string; label: string }) => {
    void navigate({ to: "/launch", search: { preset: preset.name } });
    if (kept.draft === undefined || preset.name === active) return;
    offerUndo(`Preset ${preset.label} applied; what you had edited is kept`, () =>
      navigate({ to: "/launch", search }),
    );
  };
  return (
    <SpecFormProvider value={{ spec, schema: catalog.spec_schema, problems, set }}>
      <Group justify="space-between" mb="sm">
        <Title order={2}>Launch</Title>
        <DraftBar {...kept} />
        <Group gap="xs" role="group" aria-label="Presets">
          {catalog.presets.map((preset) => (
            <Button
              key={preset.name}
              size="xs"
              title={preset.summary}
              variant={preset.name === active ? "filled" : "default"}
              onClick={() => choose(preset)}
            >
              {preset.label}
            </Button>
          ))}
          <Button
            size="xs"
            variant="default"
            title="Teacher–student problems, solved in seconds"
            component={Link}
            to="/theory"
          >
            Theory lab
          </Button>
        </Group>
      </Group>
      <Grid>
        <Grid.Col span={{ base: 12, md: 8 }}>
          <LaunchFields catalog={catalog} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 4 }}>
          <Stack gap="sm" style={{ position: "sticky", top: 68 }}>
            <UnshownValues catalog={catalog} />
            <PlanPanel
              plan={plan.isError ? undefined : plan.data}
              outdated={plan.isPlaceholderData || settled !== spec}
              problems={problems}
              failure={plan.error && problems.length === 0 ? sentence(plan.error) : undefined}
              launching={launch.isPending}
              launch={() =>
                launch.mutate({
                  body: spec,
                  ...(hidden.draft && { params: { query: { private: true } } }),
                })
              }
              hidden={hidden.draft ?? false}
              hide={(hide) => (hide ? hidden.keep(true) : hidden.discard())}
            />
          </Stack>
        </Grid.Col>
      </Grid>
    </SpecFormProvider>
  );
}

function isTrue(stored: unknown): stored is true {
  return stored === true;
}
