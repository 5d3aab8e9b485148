import { useState, type ReactElement } from "react";
import { inWords } from "../../api/errors";
import type { User } from "../../api/types";
import { useClient, useLive } from "../../state/context";
import { Button, Spinner } from "../../ui/button";
import { Confirm } from "../../ui/confirm";
import { Icon } from "../../ui/icon";
import { PaneHeader } from "../../ui/pane-header";
import { SearchField } from "../../ui/search-field";
import { InviteDialog } from "./invite-dialog";
import { PersonRow } from "./person-row";
import { RenameDialog } from "./rename-dialog";
import { useDirectory } from "./use-directory";
import styles from "./people-screen.module.css";

type Open = { kind: "invite" } | { kind: "rename" | "delete"; user: User } | null;

/** Who has an account here; for admins. */
export function PeopleScreen(): ReactElement {
  const { auth } = useClient();
  const { chat } = useLive();
  const [query, setQuery] = useState("");
  const [open, setOpen] = useState<Open>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const directory = useDirectory(query.trim());

  async function setRole(user: User, role: "admin" | "member"): Promise<void> {
    setProblem(null);
    try {
      directory.put(await auth.changeUser(user.id, { role }));
    } catch (error) {
      setProblem(inWords(error));
    }
  }

  return (
    <section className={styles.screen} aria-label="People">
      <PaneHeader>
        <h1 className={styles.title}>People</h1>
        <Button onClick={() => setOpen({ kind: "invite" })}>
          <Icon name="add" size={18} />
          Invite
        </Button>
      </PaneHeader>
      <div className={styles.scroller}>
        <div className={styles.inside}>
          <SearchField type="search" className={styles.search} aria-label="Search people" placeholder="Name or e-mail address" value={query} onChange={(event) => setQuery(event.target.value)} />
          <p className={styles.problem} role="alert">
            {problem ?? directory.problem}
          </p>
          <ul className={styles.list} aria-label="Accounts">
            {directory.users.map((user) => (
              <PersonRow
                key={user.id}
                user={user}
                isMe={user.id === chat.me.id}
                onRename={() => setOpen({ kind: "rename", user })}
                onRole={(role) => void setRole(user, role)}
                onDelete={() => setOpen({ kind: "delete", user })}
              />
            ))}
          </ul>
          <p className={styles.outcome} role="status">
            {!directory.busy && directory.users.length === 0 && directory.problem === null ? "Nobody matches." : ""}
          </p>
          {directory.busy ? (
            <Spinner />
          ) : (
            directory.more && (
              <Button look="quiet" onClick={directory.loadMore}>
                Show more
              </Button>
            )
          )}
        </div>
      </div>
      {open?.kind === "invite" && <InviteDialog onInvited={directory.put} onClose={() => setOpen(null)} />}
      {open?.kind === "rename" && <RenameDialog user={open.user} onRenamed={directory.put} onClose={() => setOpen(null)} />}
      {open?.kind === "delete" && (
        <Confirm
          title={`Delete ${open.user.name}?`}
          action="Delete"
          typed={{ word: open.user.name, label: "Type the name to go on" }}
          onClose={() => setOpen(null)}
          onConfirm={() => auth.deleteUser(open.user.id).then(() => (directory.drop(open.user.id), null), inWords)}
        >
          <p>
            <strong>{open.user.name}</strong> is signed out everywhere and can’t come back. Their messages stay, under “Deleted user”.
          </p>
        </Confirm>
      )}
    </section>
  );
}
