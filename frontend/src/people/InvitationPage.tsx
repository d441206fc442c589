import { Alert, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { client, sentence } from "../api/client";
import { Accept } from "./Accept";
import { Door } from "./Door";
import { useFragment } from "./useFragment";

/** Where the links lead that make an account or set a password; the secret stands behind `#`. */
export function InvitationPage() {
  const secret = useFragment();
  const { data, error } = useQuery({
    queryKey: ["link", secret],
    queryFn: async () => {
      const { data, error } = await client.POST("/api/invitations/look", {
        body: { secret: secret ?? "" },
      });
      if (error) throw error;
      return data;
    },
    enabled: secret !== undefined,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (secret === undefined) {
    return (
      <Door title="Invitation">
        <Text>This address is a part of a link: open the whole of it, with what is behind #.</Text>
      </Door>
    );
  }
  if (error) {
    return (
      <Door title="Invitation">
        <Alert color="red">{sentence(error)}</Alert>
        <Text size="sm">An administrator can make another link.</Text>
      </Door>
    );
  }
  if (!data) {
    return (
      <Door title="Invitation">
        <Skeleton height={120} />
      </Door>
    );
  }
  return <Accept secret={secret} link={data} />;
}
