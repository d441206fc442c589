import { Center, Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { whenUnknown } from "../api/credentials";
import { follow } from "../api/live";
import { SignIn } from "../people/SignIn";
import { ME, WhoProvider, whoOf } from "../people/who";
import { discardOthers } from "../ui/draft";
import { Unanswered } from "../ui/Unanswered";

const AGAIN_MS = 3000;

/**
 * Lets those in who may look: who somebody is is asked before anything else. Where the server does
 * not know them (any more), what was read is forgotten and the way in stands in place of the page;
 * what was typed is kept as drafts, and the address stays.
 */
export function Gate({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { data: me, error } = useQuery({
    ...ME,
    refetchInterval: ({ state }) => (state.status === "error" ? AGAIN_MS : false),
  });
  const inside = me !== undefined && !me.sign_in_needed;
  const outside = me?.sign_in_needed === true;
  // Without accounts everybody here is the same one, who becomes a person by the first launch.
  const person = me?.auth === "none" ? "here" : (me?.person?.id ?? null);
  useEffect(
    () =>
      whenUnknown(
        () => void queries.invalidateQueries({ queryKey: ME.queryKey }, { cancelRefetch: false }),
      ),
    [queries],
  );
  // Another person follows with their own cookie, from the beginning.
  // biome-ignore lint/correctness/useExhaustiveDependencies: anew for another person
  useEffect(() => (inside ? follow(queries) : undefined), [queries, inside, person]);
  useEffect(() => {
    if (outside) queries.removeQueries({ predicate: ({ queryKey }) => queryKey[1] !== "/api/me" });
  }, [queries, outside]);
  useEffect(() => {
    if (inside) discardOthers(String(person));
  }, [inside, person]);
  if (inside) return <WhoProvider value={whoOf(me)}>{children}</WhoProvider>;
  if (me) return <SignIn me={me} />;
  return (
    <Center mih="60vh" p="md">
      {error ? <Unanswered error={error} /> : <Loader type="dots" aria-label="Loading" />}
    </Center>
  );
}
