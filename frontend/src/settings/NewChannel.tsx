import { Anchor, Button, Group, MultiSelect, PasswordInput, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { api, sentence } from "../api/client";
import { EVERY_KIND, NOTICE_KINDS, type NoticeKind } from "../people/noticeKinds";
import { isSaid, saidOf } from "../people/PasswordFields";

interface Props {
  schemas: string[];
  added: () => void;
}

/** A form for an address that notices are sent to. */
export function NewChannel({ schemas, added }: Props) {
  const [label, setLabel] = useState("");
  const [address, setAddress] = useState("");
  const [kinds, setKinds] = useState<NoticeKind[]>(["finished", "failed", "mentioned"]);
  const [listing, setListing] = useState(false);
  const { mutate, isPending, error } = api.useMutation("post", "/api/notices/channels", {
    onSuccess: () => {
      setLabel("");
      setAddress("");
      added();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        mutate({ body: { label, address: address.trim(), kinds } });
      }}
    >
      <Group align="flex-start" gap="xs" mb="xs">
        <TextInput
          size="xs"
          w={{ base: "100%", sm: 160 }}
          label="What you call it"
          placeholder="my mail"
          required
          withAsterisk={false}
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
          error={saidOf(error, "label")}
        />
        <PasswordInput
          size="xs"
          w={{ base: "100%", sm: 320 }}
          label="Address"
          placeholder="mailtos://user:password@example.org"
          autoComplete="off"
          required
          withAsterisk={false}
          value={address}
          onChange={(event) => setAddress(event.currentTarget.value)}
          error={saidOf(error, "address")}
        />
        <MultiSelect
          size="xs"
          w={{ base: "100%", sm: 320 }}
          label="Is sent"
          data={EVERY_KIND.map((value) => ({ value, label: NOTICE_KINDS[value] }))}
          value={kinds}
          onChange={(value) => setKinds(value as NoticeKind[])}
        />
        <Button size="xs" mt={{ base: 0, sm: 22 }} type="submit" loading={isPending}>
          Add
        </Button>
      </Group>
      <Text size="xs" c="dimmed" mb="sm">
        As apprise writes addresses (slack://…, discord://…, jsons://…), or the webhook address that
        Slack, Discord or Teams gives you.{" "}
        <Anchor component="button" type="button" size="xs" onClick={() => setListing(!listing)}>
          What they may begin with
        </Anchor>
        {listing && <>: {schemas.join(", ")}</>}
      </Text>
      {error && !isSaid(error, "label", "address") && (
        <Text size="sm" c="red" mb="xs" role="alert">
          {sentence(error)}
        </Text>
      )}
    </form>
  );
}
