import { useQueryClient } from "@tanstack/react-query";
import type { Role } from "../people/who";

export const ROLES: Role[] = ["viewer", "editor", "administrator"];

const ABOUT_PEOPLE = ["/api/people", "/api/invitations"];

/** Has the tables of people read anew: no feed tells of them. */
export function usePeopleChanged(): () => Promise<void> {
  const queries = useQueryClient();
  return () =>
    queries.invalidateQueries({
      predicate: ({ queryKey }) => ABOUT_PEOPLE.includes(String(queryKey[1])),
    });
}
