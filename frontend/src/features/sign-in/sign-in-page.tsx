import { useState, type ReactElement } from "react";
import { Wordmark } from "../../ui/logo";
import { CodeForm } from "./code-form";
import { EmailForm, type Sent } from "./email-form";
import styles from "./sign-in.module.css";

/** Address first, then the code from the mail; the mail's link signs in just as well. */
export function SignInPage({ next }: { next: string }): ReactElement {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState<Sent | null>(null);
  const redirectTo = location.origin + next;
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Wordmark />
        {sent === null ? (
          <EmailForm email={email} redirectTo={redirectTo} onChange={setEmail} onSent={setSent} />
        ) : (
          <CodeForm email={email} redirectTo={redirectTo} {...sent} onOther={() => setSent(null)} />
        )}
      </div>
      <p className={styles.foot}>No password to remember, none to lose.</p>
    </main>
  );
}
