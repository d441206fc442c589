import { Alert, Button, Code, CopyButton, Group, Stack, Text } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import type { ReactNode } from "react";

interface Props {
  title: string;
  secret: string;
  /** What it is called in “Copy link”. */
  noun: string;
  children?: ReactNode;
}

/** Something that is shown now and never again, with a button that copies it. */
export function SecretOnce({ title, secret, noun, children }: Props) {
  return (
    <Alert
      color="green"
      title={title}
      role="status"
      styles={{ title: { color: "var(--mantine-color-text)" } }}
    >
      <Stack gap="xs">
        <Group gap="xs" wrap="nowrap" align="flex-start">
          <Code block style={{ flex: 1, whiteSpace: "normal", overflowWrap: "anywhere" }}>
            {secret}
          </Code>
          <CopyButton value={secret}>
            {({ copied, copy }) => (
              <Button
                size="xs"
                style={{ flexShrink: 0 }}
                leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
                onClick={copy}
              >
                {copied ? "Copied" : `Copy ${noun}`}
              </Button>
            )}
          </CopyButton>
        </Group>
        <Text size="sm">It is shown this once: the server keeps only a hash of it.</Text>
        {children}
      </Stack>
    </Alert>
  );
}
