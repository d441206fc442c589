import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { mayPass } from "./api/answer";
import { router } from "./router";
import { theme, variables } from "./theme";
import { Asked } from "./ui/asking";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < 1 && mayPass(error),
      staleTime: 5_000,
      refetchOnWindowFocus: false,
    },
  },
});

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        {/* Above are the buttons that people press next. */}
        <Notifications position="bottom-right" />
        <RouterProvider router={router} />
        <Asked />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
