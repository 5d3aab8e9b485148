import { useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords, isCode, problemOf } from "../../api/errors";
import { useClient, useLive } from "../../state/context";
import { Button } from "../../ui/button";
import { PasswordField } from "../../ui/text-field";
import styles from "./account-dialog.module.css";

interface Problems {
  current: string | null;
  next: string | null;
}

/** Sets the first password or another one; every other session ends with it. */
export function PasswordForm({ email }: { email: string | null }): ReactElement {
  const { auth } = useClient();
  const { chat } = useLive();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problems>({ current: null, next: null });

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setProblem({ current: null, next: null });
    try {
      await auth.setPassword(next, current);
      setCurrent("");
      setNext("");
      chat.notices.say("Your password is set. Other devices are signed out.");
    } catch (error) {
      const wrong = isCode(error, "wrong_password") ? (current === "" ? "Your account has a password: enter it here." : "That is not your password.") : problemOf(error, "current_password");
      setProblem({ current: wrong, next: wrong === null ? (problemOf(error, "password") ?? inWords(error)) : null });
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className={styles.section} onSubmit={(event) => void submit(event)} noValidate>
      <h3>Password</h3>
      {/* For password managers, which want to know whose it is. */}
      <input type="email" name="username" autoComplete="username" value={email ?? ""} readOnly hidden />
      <PasswordField
        label="Current password"
        name="current-password"
        autoComplete="current-password"
        hint="Leave it empty if you have none yet."
        value={current}
        problem={problem.current}
        onChange={(event) => setCurrent(event.target.value)}
      />
      <PasswordField label="New password" name="new-password" autoComplete="new-password" hint="8 characters or more." value={next} problem={problem.next} onChange={(event) => setNext(event.target.value)} />
      <div className={styles.buttons}>
        <Button type="submit" look="quiet" busy={busy} disabled={busy || next === ""}>
          Set password
        </Button>
      </div>
    </form>
  );
}
