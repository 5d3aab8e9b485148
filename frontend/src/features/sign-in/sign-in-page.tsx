import { useState, type ReactElement } from "react";
import { Wordmark } from "../../ui/logo";
import { CodeForm } from "./code-form";
import { EmailForm } from "./email-form";
import styles from "./sign-in.module.css";

/** Address first, then the code from the mail; the mail's link signs in just as well. */
export function SignInPage({ next }: { next: string }): ReactElement {
  const [email, setEmail] = useState("");
  const [waitSeconds, setWaitSeconds] = useState<number | null>(null);
  const redirectTo = location.origin + next;
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Wordmark />
        {waitSeconds === null ? (
          <EmailForm email={email} redirectTo={redirectTo} onChange={setEmail} onSent={setWaitSeconds} />
        ) : (
          <CodeForm email={email} redirectTo={redirectTo} waitSeconds={waitSeconds} onOther={() => setWaitSeconds(null)} />
        )}
      </div>
      <p className={styles.foot}>No password to remember, none to lose.</p>
    </main>
  );
}
