import { useState, type ReactElement } from "react";
import { inWords } from "../../api/errors";
import { chooseTheme, currentTheme } from "../../lib/theme";
import { paths } from "../../lib/router";
import { useClient, useLive } from "../../state/context";
import { Avatar } from "../../ui/avatar";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { Link } from "../../ui/link";
import { useStore } from "../../ui/use-store";
import { AccountDialog } from "./account-dialog";
import buttons from "../../ui/button.module.css";
import styles from "./account-bar.module.css";

interface Props {
  /** Rejects when auth can't be reached: nobody may believe to be signed out who is not. `gone`: the account is no more. */
  onSignOut: (scope: "local" | "global" | "gone") => Promise<void>;
}

export function AccountBar({ onSignOut }: Props): ReactElement {
  const { session } = useClient();
  const { chat } = useLive();
  const me = useStore(chat.people).get(chat.me.id) ?? chat.me;
  const state = useStore(session);
  const isAdmin = state.status === "signed-in" && state.user.role === "admin";
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [warned, setWarned] = useState(false);

  async function signOut(): Promise<void> {
    const unsent = chat.outbox.getSnapshot().length;
    if (unsent > 0 && !warned) {
      setWarned(true);
      setProblem(`${unsent === 1 ? "One message is" : `${unsent} messages are`} not sent yet and would be lost. Press again to sign out all the same.`);
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await onSignOut("local");
    } catch (error) {
      setProblem(inWords(error));
      setBusy(false);
    }
  }

  return (
    <div className={styles.bar}>
      <button type="button" className={styles.me} aria-label={`Your account, ${me.name}`} title={chat.me.email ?? undefined} onClick={() => setOpen(true)}>
        <Avatar id={me.id} name={me.name} size="small" />
        <bdi className={styles.name}>{me.name}</bdi>
      </button>
      {isAdmin && (
        <Link className={`${buttons.button} ${buttons.icon}`} href={paths.people} aria-label="People" title="People">
          <Icon name="people" />
        </Link>
      )}
      <ThemeToggle />
      <Button look="icon" aria-label="Sign out" title="Sign out" busy={busy} disabled={busy} onClick={() => void signOut()}>
        {busy ? null : <Icon name="out" />}
      </Button>
      {problem !== null && (
        <p className={styles.problem} role="alert">
          {problem}
        </p>
      )}
      {open && <AccountDialog me={me} email={chat.me.email ?? null} onSignOut={onSignOut} onClose={() => setOpen(false)} />}
    </div>
  );
}

function ThemeToggle(): ReactElement {
  const [theme, setTheme] = useState(currentTheme);
  const other = theme === "dark" ? "light" : "dark";
  return (
    <Button
      look="icon"
      aria-label={`Use ${other} colours`}
      title={`Use ${other} colours`}
      onClick={() => {
        chooseTheme(other);
        setTheme(other);
      }}
    >
      <Icon name={theme === "dark" ? "sun" : "moon"} />
    </Button>
  );
}
