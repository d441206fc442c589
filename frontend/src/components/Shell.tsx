import {
  ActionIcon,
  AppShell,
  Box,
  Button,
  Container,
  Group,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import {
  IconFlask,
  IconHistory,
  IconList,
  IconMoon,
  IconRocket,
  IconSun,
} from "@tabler/icons-react";
import { Link, Outlet } from "@tanstack/react-router";
import { useLive } from "../api/live";

const PAGES = [
  { to: "/launch", label: "Launch", icon: IconRocket },
  { to: "/queue", label: "Queue", icon: IconList },
  { to: "/history", label: "History", icon: IconHistory },
  { to: "/theory", label: "Theory", icon: IconFlask },
] as const;

/** The frame of every page: name, the pages, the theme; and the live feed behind them. */
export function Shell() {
  useLive();
  return (
    <AppShell header={{ height: 52 }} padding="md">
      <AppShell.Header>
        <Group h="100%" px={{ base: 8, sm: "md" }} gap={4} wrap="nowrap">
          <Text
            component={Link}
            to="/history"
            fw={700}
            c="inherit"
            td="none"
            mr="xs"
            visibleFrom="xs"
            style={{ whiteSpace: "nowrap" }}
          >
            LoRA-One Lab
          </Text>
          <Group gap={2} wrap="nowrap" component="nav" aria-label="Pages" style={{ flex: 1 }}>
            {PAGES.map(({ to, label, icon: Icon }) => (
              <Button
                key={to}
                component={Link}
                to={to}
                variant="subtle"
                size="compact-md"
                px={8}
                leftSection={
                  <Box component="span" visibleFrom="xs" lh={0}>
                    <Icon size={16} aria-hidden />
                  </Box>
                }
                activeProps={{ "data-variant": "light", "aria-current": "page" }}
                styles={{ section: { marginInlineEnd: 4 } }}
              >
                {label}
              </Button>
            ))}
          </Group>
          <ThemeSwitch />
        </Group>
      </AppShell.Header>
      <AppShell.Main>
        <Container size="xl" px={0}>
          <Outlet />
        </Container>
      </AppShell.Main>
    </AppShell>
  );
}

function ThemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <ActionIcon
      variant="subtle"
      size="lg"
      aria-label={`Switch to the ${other} theme`}
      onClick={() => setColorScheme(other)}
    >
      {scheme === "dark" ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}
