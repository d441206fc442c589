import { createRootRoute, createRoute, createRouter, redirect } from "@tanstack/react-router";
import { Shell } from "./components/Shell";
import { ExperimentPage } from "./pages/Experiment";
import { HistoryPage } from "./pages/History";
import { LaunchPage } from "./pages/Launch";
import { NotFound } from "./pages/NotFound";
import { QueuePage } from "./pages/Queue";
import { TheoryPage } from "./pages/Theory";
import { experimentSearch, historySearch, launchSearch } from "./view/search";
import { theorySearch } from "./view/theory";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/history" });
  },
});

export const launchRoute = createRoute({
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

export const historyRoute = createRoute({
  getParentRoute: () => root,
  path: "/history",
  component: HistoryPage,
  validateSearch: historySearch,
});

export const theoryRoute = createRoute({
  getParentRoute: () => root,
  path: "/theory",
  component: TheoryPage,
  validateSearch: theorySearch,
});

export const experimentRoute = createRoute({
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
    theoryRoute,
    experimentRoute,
  ]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
