import { useRef, useState, type ReactElement, type ReactNode, type SyntheticEvent } from "react";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import { BAD_ADDRESS, EmailField, isAddress } from "./email-field";
import { RESEND_SECONDS } from "./resend";
import { unlessWaiting, useAttempt } from "./use-attempt";
import styles from "./sign-in.module.css";

interface Props {
  email: string;
  redirectTo: string;
  onChange: (email: string) => void;
  onSent: (sent: Sent) => void;
  children?: ReactNode;
}

/** How long the mailed code is, whether this server only shows its mails, how long until another may be asked for, and how. */
export interface Sent {
  purpose: "sign-in" | "sign-up";
  digits: number;
  inbox: boolean;
  waitSeconds: number;
  resend: () => Promise<unknown>;
}

export function EmailForm({ email, redirectTo, onChange, onSent, children }: Props): ReactElement {
  const { auth } = useClient();
  const attempt = useAttempt(["email"]);
  const [bad, setBad] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    const address = email.trim();
    setBad(!isAddress(address));
    if (!isAddress(address)) {
      attempt.forget();
      field.current?.focus();
      return;
    }
    await attempt.run(async () => {
      const resend = () => auth.requestLink(address, redirectTo);
      const { code_digits: digits, dev_inbox: inbox } = await resend();
      onChange(address);
      onSent({ purpose: "sign-in", digits, inbox, waitSeconds: RESEND_SECONDS, resend });
    });
  }

  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <h1 className={styles.title}>Good to see you</h1>
      <p className={styles.lead}>Tell us your address and we’ll mail you a link to sign in.</p>
      <EmailField
        ref={field}
        email={email}
        autoComplete="email"
        autoFocus
        problem={bad ? BAD_ADDRESS : (attempt.problem("email") ?? attempt.problem())}
        onChange={onChange}
      />
      <Button type="submit" busy={attempt.busy} disabled={attempt.busy || attempt.wait > 0}>
        {unlessWaiting("Email me a link", attempt.wait)}
      </Button>
      {children}
    </form>
  );
}
