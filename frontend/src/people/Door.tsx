import { Center, Paper, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

/** What stands before the page, for those who are not in yet. */
export function Door({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder p="lg" w="100%" maw={420} shadow="sm">
        <Stack>
          <div>
            <Text size="sm" c="dimmed" fw={600}>
              LoRA-One Lab
            </Text>
            <Title order={2}>{title}</Title>
          </div>
          {children}
        </Stack>
      </Paper>
    </Center>
  );
}
