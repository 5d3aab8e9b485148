import { useRef, useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords } from "../../api/errors";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import { RESEND_SECONDS } from "./resend";
import styles from "./sign-in.module.css";

interface Props {
  email: string;
  redirectTo: string;
  onChange: (email: string) => void;
  onSent: (sent: Sent) => void;
}

/** How long the mailed code is, whether this server only shows its mails, and how long until another may be asked for. */
export interface Sent {
  digits: number;
  inbox: boolean;
  waitSeconds: number;
}

const ADDRESS = /^[^\s@]+@[^\s@]+$/;

export function EmailForm({ email, redirectTo, onChange, onSent }: Props): ReactElement {
  const { auth } = useClient();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    const address = email.trim();
    if (!ADDRESS.test(address)) {
      setProblem("Enter your e-mail address, like ann@example.org.");
      field.current?.focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      const { code_digits: digits, dev_inbox: inbox } = await auth.requestLink(address, redirectTo);
      onChange(address);
      onSent({ digits, inbox, waitSeconds: RESEND_SECONDS });
    } catch (error) {
      setProblem(inWords(error));
      setBusy(false);
    }
  }

  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <h1 className={styles.title}>Good to see you</h1>
      <p className={styles.lead}>Tell us your address and we’ll mail you a link to sign in.</p>
      <label className={styles.label} htmlFor="email">
        Email address
      </label>
      <input
        ref={field}
        id="email"
        className={styles.field}
        type="email"
        name="email"
        autoComplete="email"
        autoCapitalize="none"
        spellCheck={false}
        placeholder="you@example.org"
        required
        autoFocus
        value={email}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : "email-problem"}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id="email-problem" className={styles.problem} role="alert">
        {problem}
      </p>
      <Button type="submit" busy={busy} disabled={busy}>
        Email me a link
      </Button>
    </form>
  );
}
