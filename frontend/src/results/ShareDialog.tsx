import {
  Alert,
  Anchor,
  Button,
  Group,
  Modal,
  NumberInput,
  SegmentedControl,
  Stack,
  Text,
} from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, sentence } from "../api/client";
import { SecretOnce } from "../people/SecretOnce";
import { useWho } from "../people/who";

interface Props {
  opened: boolean;
  close: () => void;
  /** What is shown, as the items of a basket. */
  of: string[];
  /** The views that may be shared, with their addresses. */
  views: { label: string; view: string }[];
}

/** Makes a link for somebody without an account. */
export function ShareDialog({ opened, close, ...what }: Props) {
  return (
    <Modal opened={opened} onClose={close} title="Link for a guest" size="lg">
      {opened && <Make {...what} />}
    </Modal>
  );
}

const USUAL_DAYS = 14;

function Make({ of, views }: Pick<Props, "of" | "views">) {
  const { url } = useWho();
  const [view, setView] = useState(views[0]?.view ?? "");
  const [days, setDays] = useState<number | string>(USUAL_DAYS);
  const { mutate, isPending, data, error, reset } = api.useMutation("post", "/api/shares");
  return (
    <Stack>
      <Text size="sm">
        Whoever has the link sees this and nothing else, changes nothing, and needs no account. It
        goes on showing what is new in it, until it ends. You can end it in the{" "}
        <Anchor component={Link} to="/settings" search={{ tab: "shares" } as never}>
          settings
        </Anchor>
        .
      </Text>
      {views.length > 1 && (
        <SegmentedControl
          size="xs"
          aria-label="What it shows"
          value={view}
          onChange={(value) => {
            setView(value);
            reset();
          }}
          data={views.map(({ label, view: value }) => ({ value, label }))}
        />
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          mutate({ body: { view, of, days: Number(days) } });
        }}
      >
        <Group align="flex-end" gap="xs">
          <NumberInput
            size="xs"
            w={140}
            label="For how many days"
            min={1}
            max={366}
            allowDecimal={false}
            value={days}
            onChange={setDays}
          />
          <Button size="xs" type="submit" loading={isPending} disabled={days === ""}>
            Make the link
          </Button>
        </Group>
      </form>
      {error && <Alert color="red">{sentence(error)}</Alert>}
      {data && (
        <SecretOnce
          key={data.id}
          title={`Until ${new Date(data.expires_at).toLocaleString()}`}
          secret={`${url}/shared#${data.secret}`}
          noun="link"
        />
      )}
    </Stack>
  );
}
