import type { ReactElement } from "react";
import type { Found } from "./use-people";
import styles from "./people-dialog.module.css";

/** What a search came to, in words where there is nobody to show. */
export function Outcome({ found }: { found: Found | null }): ReactElement {
  let words: string | null = null;
  if (found === null) words = "Looking…";
  else if (found.problem !== null) words = found.problem;
  else if (found.users.length === 0 && found.query === "") words = "Nobody else is here yet. Invite somebody by sending them this page’s address.";
  else if (found.users.length === 0) words = `Nobody called “${found.query}”. A full e-mail address finds people too.`;
  return (
    <p className={words === null ? "visually-hidden" : styles.outcome} role="status">
      {words ?? `${found?.users.length ?? 0} found`}
    </p>
  );
}
