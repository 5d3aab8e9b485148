import { useRef, useState, type ReactElement, type SyntheticEvent } from "react";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { BAD_ADDRESS, EmailField, isAddress } from "./email-field";
import { unlessWaiting, useAttempt } from "./use-attempt";
import styles from "./sign-in.module.css";

interface Props {
  email: string;
  redirectTo: string;
  onChange: (email: string) => void;
  onBack: () => void;
}

/** Asks for the mail that leads to a new password; its link opens a page of its own. */
export function ForgotForm({ email, redirectTo, onChange, onBack }: Props): ReactElement {
  const { auth } = useClient();
  const attempt = useAttempt(["email"]);
  const [bad, setBad] = useState(false);
  const [sent, setSent] = useState<{ inbox: boolean } | null>(null);
  const field = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setBad(!isAddress(email));
    if (!isAddress(email)) {
      attempt.forget();
      field.current?.focus();
      return;
    }
    await attempt.run(async () => setSent({ inbox: (await auth.requestReset(email.trim(), redirectTo)).dev_inbox }));
  }

  const back = (
    <div className={styles.others}>
      <Button look="text" onClick={onBack}>
        Back to sign in
      </Button>
    </div>
  );
  if (sent !== null) {
    return (
      <div className={styles.form}>
        <span className={styles.envelope}>
          <Icon name="mail" size={26} />
        </span>
        <h1 className={styles.title} tabIndex={-1} ref={(heading) => heading?.focus()}>
          Look in your inbox
        </h1>
        <p className={styles.lead}>
          If there is an account for <strong>{email.trim()}</strong>, a mail with a link is on its way. It leads to a page for your new password.
        </p>
        {back}
        {sent.inbox && <InboxHint url={auth.inboxUrl(email.trim())} />}
      </div>
    );
  }
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <h1 className={styles.title}>Forgot it? No harm done</h1>
      <p className={styles.lead}>We’ll mail you a link to choose a new password.</p>
      <EmailField ref={field} email={email} autoComplete="username" autoFocus problem={bad ? BAD_ADDRESS : (attempt.problem("email") ?? attempt.problem())} onChange={onChange} />
      <Button type="submit" busy={attempt.busy} disabled={attempt.busy || attempt.wait > 0}>
        {unlessWaiting("Mail me a link", attempt.wait)}
      </Button>
      {back}
    </form>
  );
}

export function InboxHint({ url }: { url: string }): ReactElement {
  return (
    <p className={styles.hint}>
      This server sends no mail yet.{" "}
      <a href={url} target="_blank" rel="noopener">
        Development inbox
      </a>
    </p>
  );
}
