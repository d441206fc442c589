import { Anchor, type AnchorProps } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { unreachable, withProblem } from "../api/answer";
import { sentence } from "../api/client";
import { credentials, isGuest } from "../api/credentials";
import { save } from "./save";

interface Props extends AnchorProps {
  href: string;
  /** What the file is called where the server does not say. */
  name?: string;
  /** Whether it is not what is asked for now: it leads nowhere then. */
  outdated?: boolean;
  children: string;
}

/**
 * A link to a file of the server. The browser follows no link with the secret of a share link: for
 * whoever came by one the page fetches the file.
 */
export function Download({ href, name, outdated = false, children, ...look }: Props) {
  if (!isGuest()) {
    return (
      // A link without an address leads nowhere.
      <Anchor
        size="xs"
        href={outdated ? undefined : href}
        aria-disabled={outdated}
        download={name ?? true}
        {...look}
      >
        {children}
      </Anchor>
    );
  }
  return (
    <Anchor
      size="xs"
      component="button"
      type="button"
      disabled={outdated}
      onClick={() => void fetched(href, name ?? "file")}
      {...look}
    >
      {children}
    </Anchor>
  );
}

async function fetched(href: string, name: string): Promise<void> {
  try {
    const response = await fetch(href, { headers: credentials() }).catch(unreachable);
    if (!response.ok) throw await (await withProblem(response)).json();
    save(await response.blob(), saidName(response) ?? name);
  } catch (error) {
    notifications.show({ color: "red", title: "Not saved", message: sentence(error) });
  }
}

/** What the server calls the file: `attachment; filename="runs.csv"`. */
function saidName(response: Response): string | undefined {
  return /filename="([^"/\\]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
}
