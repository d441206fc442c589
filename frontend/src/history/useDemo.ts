import { notifications } from "@mantine/notifications";
import { useNavigate } from "@tanstack/react-router";
import { api, sentence } from "../api/client";

/** Launches the demo preset and opens its page. */
export function useDemo(): { launch: () => void; launching: boolean } {
  const navigate = useNavigate();
  const { data: catalog } = api.useQuery("get", "/api/catalog");
  const { mutate, isPending } = api.useMutation("post", "/api/experiments", {
    onSuccess: ({ id }) => void navigate({ to: "/experiments/$id", params: { id } }),
    onError: (error) =>
      notifications.show({ color: "red", title: "Not launched", message: sentence(error) }),
  });
  const demo = catalog?.presets.find(({ name }) => name === "demo");
  return {
    launch: () => demo && mutate({ body: demo.spec }),
    launching: isPending,
  };
}
