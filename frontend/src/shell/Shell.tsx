import {
  ActionIcon,
  AppShell,
  Burger,
  Button,
  Container,
  Group,
  Menu,
  Text,
  Tooltip,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconArrowsDiff,
  IconFlask,
  IconHistory,
  IconList,
  IconMoon,
  IconRocket,
  IconSettings,
  IconSun,
} from "@tabler/icons-react";
import { Link, Outlet, useLocation, useMatches } from "@tanstack/react-router";
import { useEffect } from "react";
import { experimentOf, goTo } from "../api/presence";
import { useWhyNot } from "../people/may";
import { useBasket } from "../results/basket/useBasket";
import { Away } from "./Away";
import { Gate } from "./Gate";
import { Notices } from "./Notices";
import { PersonMenu } from "./PersonMenu";

const PAGES = [
  { to: "/launch", label: "Launch", icon: IconRocket },
  { to: "/queue", label: "Queue", icon: IconList },
  { to: "/history", label: "History", icon: IconHistory },
  { to: "/compare", label: "Compare", icon: IconArrowsDiff },
  { to: "/theory", label: "Theory", icon: IconFlask },
] as const;

/** The pages; the comparison's link carries what has been gathered for it. */
function usePages() {
  const { items } = useBasket();
  const { launch } = useWhyNot();
  return PAGES.filter(({ to }) => to !== "/launch" || launch === undefined).map((page) =>
    page.to === "/compare" && items.length > 0
      ? { ...page, label: `Compare (${items.length})`, search: { of: items } as never }
      : { ...page, search: undefined },
  );
}

declare module "@tanstack/react-router" {
  interface StaticDataRouteOption {
    /** Whether a page stands alone: for those who need not sign in, and see nothing else. */
    alone?: boolean;
  }
}

/** The frame of every page, for those who may look; pages that stand alone have none. */
export function Shell() {
  const alone = useMatches({
    select: (matches) => matches.some(({ staticData }) => staticData.alone),
  });
  if (alone) return <Outlet />;
  return (
    <Gate>
      <Frame />
    </Gate>
  );
}

/** Name, the pages, the theme, who one is; and whether the server is there. */
function Frame() {
  const at = useLocation({ select: ({ pathname }) => experimentOf(pathname) });
  // What is inside comes first: the gate opens the feed, which says it.
  useEffect(() => goTo(at), [at]);
  return (
    <AppShell header={{ height: 52 }} padding="md">
      <AppShell.Header>
        <Group h="100%" px={{ base: 8, sm: "md" }} gap={4} wrap="nowrap">
          <NarrowNavigation />
          <Text
            component={Link}
            to="/history"
            fw={700}
            c="inherit"
            td="none"
            mr="xs"
            style={{ whiteSpace: "nowrap" }}
          >
            LoRA-One Lab
          </Text>
          <Navigation />
          <Group ml="auto">
            <Notices />
          </Group>
          <Tooltip label="Settings">
            <ActionIcon
              component={Link}
              to="/settings"
              variant="subtle"
              size="lg"
              aria-label="Settings"
            >
              <IconSettings size={18} />
            </ActionIcon>
          </Tooltip>
          <ThemeSwitch />
          <PersonMenu />
        </Group>
      </AppShell.Header>
      <AppShell.Main>
        <Container size={1600} px={0}>
          <Away />
          <Outlet />
        </Container>
      </AppShell.Main>
    </AppShell>
  );
}

function Navigation() {
  return (
    <Group gap={2} wrap="nowrap" component="nav" aria-label="Pages" visibleFrom="sm">
      {usePages().map(({ to, label, icon: Icon, search }) => (
        <Button
          key={to}
          component={Link}
          to={to}
          search={search}
          variant="subtle"
          size="compact-md"
          px={8}
          leftSection={<Icon size={16} aria-hidden />}
          activeProps={{ "data-variant": "light", "aria-current": "page" }}
          activeOptions={{ includeSearch: false }}
          styles={{ section: { marginInlineEnd: 4 } }}
        >
          {label}
        </Button>
      ))}
    </Group>
  );
}

/** On a narrow screen the pages are a menu. */
function NarrowNavigation() {
  const [opened, { toggle, close }] = useDisclosure(false);
  return (
    <Menu opened={opened} onChange={toggle} width={200} position="bottom-start">
      <Menu.Target>
        <Burger
          opened={opened}
          size="sm"
          hiddenFrom="sm"
          aria-label={opened ? "Close the menu" : "Open the menu"}
        />
      </Menu.Target>
      <Menu.Dropdown>
        {usePages().map(({ to, label, icon: Icon, search }) => (
          <Menu.Item
            key={to}
            component={Link}
            to={to}
            search={search}
            leftSection={<Icon size={16} aria-hidden />}
            onClick={close}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
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
