import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";

/**
 * What stood behind `#` in the address, taken out of it: no history, no screenshot and no copied
 * address has the secret. With `key` this tab keeps it, for a reload.
 */
export function useFragment(key?: string): string | undefined {
  const hash = useLocation({ select: (location) => location.hash });
  const pathname = useLocation({ select: (location) => location.pathname });
  const navigate = useNavigate();
  const [secret, setSecret] = useState(
    () => hash || (key && sessionStorage.getItem(key)) || undefined,
  );
  useEffect(() => {
    if (hash === "") return;
    setSecret(hash);
    if (key) sessionStorage.setItem(key, hash);
    void navigate({ to: pathname as never, hash: "", replace: true });
  }, [hash, key, pathname, navigate]);
  return secret;
}
