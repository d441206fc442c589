import { Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

/** What a page says when it has nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack align="center" gap="sm" py={60} px="md" ta="center">
      <Title order={3}>{title}</Title>
      <Text c="dimmed" component="div" maw={520}>
        {children}
      </Text>
    </Stack>
  );
}
