import { Button, Code, CopyButton, ScrollArea, Stack, Tabs, Text } from "@mantine/core";
import type { Schemas } from "../api/client";
import { rate } from "../ui/format";
import { useOutdated } from "../ui/Outdated";

/** The runs of a plan, and the same spec as YAML and as Python. */
export function PlanDetails({ plan }: { plan: Schemas["PlanOut"] }) {
  return (
    <Tabs defaultValue="runs" keepMounted={false}>
      <Tabs.List>
        <Tabs.Tab value="runs">Runs</Tabs.Tab>
        <Tabs.Tab value="yaml">YAML</Tabs.Tab>
        <Tabs.Tab value="python">Python</Tabs.Tab>
        <Tabs.Tab value="peft">PEFT</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="runs" pt="xs">
        <ScrollArea.Autosize mah={360} type="auto">
          <Stack gap={3}>
            {plan.runs.map((run) => (
              <Text size="sm" key={run.title}>
                {run.label}
                <Text span c="dimmed" size="sm">
                  {run.rank === null ? "" : ` · r ${run.rank}`} · lr {rate(run.learning_rate)} ·
                  seed {run.seed}
                </Text>
                {run.problem && (
                  <Text span c="red" size="sm" title={run.problem}>
                    {" "}
                    · will fail
                  </Text>
                )}
              </Text>
            ))}
          </Stack>
        </ScrollArea.Autosize>
      </Tabs.Panel>
      <Tabs.Panel value="yaml" pt="xs">
        <Text size="xs" c="dimmed" mb={4}>
          Save as experiment.yaml, then: <Code>{plan.command}</Code>
        </Text>
        <Source text={plan.yaml} />
      </Tabs.Panel>
      <Tabs.Panel value="python" pt="xs">
        <Source text={plan.python} />
      </Tabs.Panel>
      <Tabs.Panel value="peft" pt="xs">
        <Stack gap="sm">
          {Object.entries(plan.peft).map(([label, text]) => (
            <div key={label}>
              <Text size="sm" fw={500} mb={4}>
                {label}
              </Text>
              <Source text={text} />
            </div>
          ))}
        </Stack>
      </Tabs.Panel>
    </Tabs>
  );
}

function Source({ text }: { text: string }) {
  const outdated = useOutdated();
  return (
    <Stack gap={4}>
      <ScrollArea.Autosize mah={360} type="auto">
        <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          {text}
        </Code>
      </ScrollArea.Autosize>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button
            size="compact-xs"
            variant="subtle"
            disabled={outdated}
            onClick={copy}
            style={{ alignSelf: "end" }}
          >
            {copied ? "Copied" : "Copy"}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}
