import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
  redirect,
} from "@tanstack/react-router";
import { basePath } from "./api/address";
import { HistoryPage } from "./history/HistoryPage";
import { historySearch } from "./history/search";
import { LaunchPage } from "./launch/LaunchPage";
import { launchSearch } from "./launch/search";
import { QueuePage } from "./queue/QueuePage";
import { ComparePage } from "./results/ComparePage";
import { ExperimentPage } from "./results/ExperimentPage";
import { SharedPage } from "./results/SharedPage";
import { compareSearch, experimentSearch } from "./results/search";
import { settingsSearch } from "./settings/search";
import { Failed } from "./shell/Failed";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";
import { theorySearch } from "./theory/search";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/history" });
  },
});

const launchRoute = createRoute({
  getParentRoute: () => root,
  path: "/launch",
  component: LaunchPage,
  validateSearch: launchSearch,
});

const queueRoute = createRoute({
  getParentRoute: () => root,
  path: "/queue",
  component: QueuePage,
});

const historyRoute = createRoute({
  getParentRoute: () => root,
  path: "/history",
  component: HistoryPage,
  validateSearch: historySearch,
});

const compareRoute = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  component: ComparePage,
  validateSearch: compareSearch,
});

const theoryRoute = createRoute({
  getParentRoute: () => root,
  path: "/theory",
  component: lazyRouteComponent(() => import("./theory/TheoryPage"), "TheoryPage"),
  validateSearch: theorySearch,
});

const settingsRoute = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("./settings/SettingsPage"), "SettingsPage"),
  validateSearch: settingsSearch,
});

// Where an identity provider's refusal leads; whoever is in is past it.
const signInRoute = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  component: () => <Navigate to="/history" replace />,
});

const accountRoute = createRoute({
  getParentRoute: () => root,
  path: "/account",
  component: lazyRouteComponent(() => import("./people/AccountPage"), "AccountPage"),
});

const invitationRoute = createRoute({
  getParentRoute: () => root,
  path: "/invitation",
  component: lazyRouteComponent(() => import("./people/InvitationPage"), "InvitationPage"),
  staticData: { alone: true },
});

const sharedRoute = createRoute({
  getParentRoute: () => root,
  path: "/shared",
  component: SharedPage,
  staticData: { alone: true },
});

const experimentRoute = createRoute({
  getParentRoute: () => root,
  path: "/experiments/$id",
  component: ExperimentPage,
  params: {
    parse: ({ id }) => ({ id: Number(id) }),
    stringify: ({ id }) => ({ id: String(id) }),
  },
  validateSearch: experimentSearch,
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    launchRoute,
    queueRoute,
    historyRoute,
    compareRoute,
    theoryRoute,
    settingsRoute,
    experimentRoute,
    signInRoute,
    accountRoute,
    invitationRoute,
    sharedRoute,
  ]),
  basepath: basePath(),
  defaultPreload: "intent",
  defaultErrorComponent: Failed,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
