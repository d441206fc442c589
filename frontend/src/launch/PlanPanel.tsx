import {
  Alert,
  Badge,
  Button,
  Checkbox,
  Code,
  Group,
  List,
  Paper,
  SimpleGrid,
  Stack,
  Table,
  Text,
  Title,
} from "@mantine/core";
import type { FieldProblem, Schemas } from "../api/client";
import { Allowed } from "../people/Allowed";
import { useWhyNot } from "../people/may";
import { beyond, usageSentence } from "../people/Usage";
import { useAccounts } from "../people/who";
import { PlanDetails } from "../spec/PlanDetails";
import { bytes, roughly } from "../ui/format";
import { Outdated } from "../ui/Outdated";

interface Props {
  plan: Schemas["PlanOut"] | undefined;
  /** Whether the plan is of the form as it was: nothing can be launched until its own is there. */
  outdated: boolean;
  problems: FieldProblem[];
  failure: string | undefined;
  launching: boolean;
  launch: () => void;
  /** Whether nobody else is to see it for now. */
  hidden: boolean;
  hide: (hidden: boolean) => void;
}

/** What launching would do, kept up to date with the form; and the button that does it. */
export function PlanPanel(props: Props) {
  const { plan, outdated, problems, failure, launching, launch, hidden, hide } = props;
  const accounts = useAccounts();
  const why = useWhyNot().launch;
  const wrong = problems.length > 0 || failure !== undefined;
  const refused = beyond(plan?.quotas ?? [], "refused").length > 0;
  return (
    <Paper withBorder p="md" role="region" aria-label="Plan">
      <Stack gap="sm">
        <Title order={4}>Plan</Title>
        <div aria-live="polite">
          {wrong ? (
            <Alert color="red" title={problems.length > 0 ? "Not yet" : "No plan"}>
              <List size="sm" spacing={4}>
                {problems.map(({ path, message, hint }) => (
                  <List.Item key={path + message}>
                    <Code>{path}</Code> {message}
                    {hint && `; ${hint}`}
                  </List.Item>
                ))}
              </List>
              {problems.length === 0 && failure}
            </Alert>
          ) : (
            plan && (
              <Outdated when={outdated}>
                <Group gap="xs">
                  <Badge size="lg" variant="light" radius="sm" tt="none">
                    {plan.runs.length} {plan.runs.length === 1 ? "run" : "runs"}
                  </Badge>
                  <Badge size="lg" variant="light" color="gray" radius="sm" tt="none">
                    {plan.gradients} one-step {plan.gradients === 1 ? "gradient" : "gradients"}
                  </Badge>
                </Group>
              </Outdated>
            )
          )}
        </div>
        {accounts && (
          <Checkbox
            label="Private until I share it"
            description="Only you and administrators see it"
            checked={hidden}
            onChange={(event) => hide(event.currentTarget.checked)}
          />
        )}
        <Allowed why={why}>
          <Button
            size="md"
            onClick={launch}
            loading={launching}
            disabled={why === undefined && (wrong || outdated || !plan || refused)}
          >
            Launch
          </Button>
        </Allowed>
        {plan && !wrong && (
          <Outdated when={outdated}>
            <Stack gap="sm">
              <Failing runs={plan.runs} />
              {plan.notes.map((note) => (
                <Alert key={note} color="yellow" title="Not adapted" py="xs">
                  {note}
                </Alert>
              ))}
              {plan.cost && <Cost cost={plan.cost} />}
              <Quotas quotas={plan.quotas} />
              <PlanDetails plan={plan} />
            </Stack>
          </Outdated>
        )}
      </Stack>
    </Paper>
  );
}

/** How many runs the model's layers do not allow, and why. */
function Failing({ runs }: { runs: Schemas["PlannedRun"][] }) {
  const reasons = new Map<string, Set<string>>();
  let failing = 0;
  for (const { label, problem } of runs) {
    if (problem === null) continue;
    failing += 1;
    reasons.set(problem, (reasons.get(problem) ?? new Set()).add(label));
  }
  if (failing === 0) return null;
  return (
    <Alert color="orange" title={`${failing} of ${runs.length} runs will fail`} py="xs">
      <List size="sm" spacing={4}>
        {[...reasons].map(([reason, labels]) => (
          <List.Item key={reason} style={{ overflowWrap: "anywhere" }}>
            {[...labels].join(", ")}: {reason}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}

/** How much of the machine is used of what one may, and what becomes of a launch beyond it. */
function Quotas({ quotas }: { quotas: Schemas["QuotaOut"][] }) {
  const refused = beyond(quotas, "refused");
  const waits = beyond(quotas, "waits");
  return (
    <section aria-label="Quotas">
      {refused.length > 0 && (
        <Alert color="red" title="More than you may use" py="xs">
          With this launch {refused.join(", ")}. Wait, delete something and empty the bin, or ask an
          administrator for more.
        </Alert>
      )}
      {waits.length > 0 && (
        <Alert color="orange" title="Some of it will wait" py="xs">
          With this launch {waits.join(", ")}. What is beyond waits until hours of this week are
          over; what runs goes on.
        </Alert>
      )}
      <Text size="xs" c="dimmed">
        {usageSentence(quotas)}
      </Text>
    </section>
  );
}

/** How long it will take and what it will hold, where the numbers come from, what does not fit. */
function Cost({ cost }: { cost: Schemas["CostOut"] }) {
  const known = cost.seconds !== null && cost.memory_bytes !== null;
  return (
    <section aria-label="Estimate">
      {known && (
        <SimpleGrid cols={2} spacing="xs">
          <Fact
            name={cost.lanes > 1 ? `Time on ${cost.lanes} lanes` : "Time"}
            value={`about ${roughly(cost.seconds ?? 0)}`}
          />
          <Fact
            name={`Memory of ${bytes(cost.device_memory_bytes)}`}
            value={`about ${bytes(cost.memory_bytes ?? 0)}`}
          />
        </SimpleGrid>
      )}
      {cost.too_large.length > 0 && (
        <Alert color="orange" title="Will probably not fit" mt="xs" py="xs">
          {cost.too_large.join(", ")}. Lower the batch size, the tokens per text or the rank, use
          bfloat16, or choose fewer target layers.
        </Alert>
      )}
      <Text size="xs" c="dimmed" mt={4}>
        {cost.basis}
      </Text>
      <Prices prices={cost.prices} />
    </section>
  );
}

/** What the time is spent on, and the switch that saves it. */
function Prices({ prices }: { prices: Schemas["PriceOut"][] }) {
  if (prices.length === 0) return null;
  return (
    <Table
      mt="xs"
      fz="xs"
      verticalSpacing={2}
      horizontalSpacing={4}
      aria-label="What it is spent on"
    >
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Spent on</Table.Th>
          <Table.Th ta="right">about</Table.Th>
          <Table.Th ta="right">× gradient</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {prices.map(({ label, switch: name, seconds, gradients }) => (
          <Table.Tr key={label}>
            <Table.Th scope="row" fw={400}>
              {label}
              {name && (
                <Text span inherit c="dimmed">
                  {" "}
                  · {name}
                </Text>
              )}
            </Table.Th>
            <Table.Td ta="right" style={{ whiteSpace: "nowrap" }}>
              {roughly(seconds)}
            </Table.Td>
            <Table.Td ta="right">{Number(gradients.toPrecision(2))}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <Text size="xs" c="dimmed">
        {name}
      </Text>
      <Text fw={600}>{value}</Text>
    </div>
  );
}
