import { useRef, useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords, isStatus } from "../../api/errors";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import type { Sent } from "./email-form";
import { InboxHint } from "./forgot-form";
import { Resend } from "./resend-button";
import styles from "./sign-in.module.css";

interface Props extends Sent {
  email: string;
  onOther: () => void;
}

/** The field's range: Supabase Auth mails codes of six to ten digits. */
function inLetters(digits: number): string {
  return ["six", "seven", "eight", "nine", "ten"][digits - 6] ?? String(digits);
}

export function CodeForm({ email, purpose, digits, inbox, waitSeconds, resend, onOther }: Props): ReactElement {
  const { auth, session } = useClient();
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);

  async function confirm(typed: string): Promise<void> {
    if (busy) return;
    if (typed.length < digits) {
      setProblem(`The code has ${inLetters(digits)} digits.`);
      field.current?.focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      session.accept(await auth.confirmCode(email, typed));
    } catch (error) {
      setProblem(isStatus(error, 403) ? "That code is wrong or no longer valid. Check it, or ask for a new mail." : inWords(error));
      setBusy(false);
      field.current?.select();
    }
  }

  function change(text: string): void {
    const typed = text.replace(/\D/g, "").slice(0, digits);
    setCode(typed);
    if (typed.length === digits && typed !== code) void confirm(typed);
  }

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    void confirm(code);
  }

  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <span className={styles.envelope}>
        <Icon name="mail" size={26} />
      </span>
      <h1 className={styles.title}>Look in your inbox</h1>
      <p className={styles.lead}>
        If <strong>{email}</strong> may come in, {purpose === "sign-up" ? "a mail to confirm it" : "a mail with a link"} is on its way. Open the link {purpose === "sign-up" ? "in this browser" : "on any device"}, or type the code here.
      </p>
      <label className={styles.label} htmlFor="code">
        {digits}-digit code
      </label>
      <input
        ref={field}
        id="code"
        className={`${styles.field} ${styles.code}`}
        name="code"
        inputMode="numeric"
        autoComplete="one-time-code"
        // Longer than the code, so that a pasted "123 456" is not cut before its blank is taken out.
        maxLength={2 * digits}
        autoFocus
        value={code}
        readOnly={busy}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : "code-problem"}
        onChange={(event) => change(event.target.value)}
      />
      <p id="code-problem" className={styles.problem} role="alert">
        {problem}
      </p>
      <Button type="submit" busy={busy} disabled={busy}>
        Sign in
      </Button>
      <div className={styles.others}>
        <Resend resend={resend} waitSeconds={waitSeconds} onProblem={setProblem} />
        <Button look="text" onClick={onOther}>
          Use another address
        </Button>
      </div>
      {inbox && <InboxHint url={auth.inboxUrl(email)} />}
    </form>
  );
}
