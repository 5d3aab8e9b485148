import { useState, type ReactElement } from "react";
import { Wordmark } from "../../ui/logo";
import { CodeForm } from "./code-form";
import { EmailForm, type Sent } from "./email-form";
import { ForgotForm } from "./forgot-form";
import { OtherWays, type Way } from "./other-ways";
import { PasswordForm } from "./password-form";
import { SignUpForm } from "./sign-up-form";
import { useMethods } from "./use-methods";
import styles from "./sign-in.module.css";

/** Address first, then the code from the mail; the mail's link signs in just as well. Passwords and Google where there are any. */
export function SignInPage({ next }: { next: string }): ReactElement {
  const methods = useMethods();
  const [email, setEmail] = useState("");
  const [way, setWay] = useState<Way | "forgot">("link");
  const [sent, setSent] = useState<Sent | null>(null);
  const redirectTo = location.origin + next;
  if (methods === null) return <main className={styles.page} aria-busy="true" />;

  const fields = { email, redirectTo, onChange: setEmail };
  const others = way !== "forgot" && <OtherWays methods={methods} way={way} redirectTo={redirectTo} onChoose={setWay} />;
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Wordmark />
        {sent !== null ? (
          <CodeForm email={email} {...sent} onOther={() => setSent(null)} />
        ) : way === "link" ? (
          <EmailForm {...fields} onSent={setSent}>
            {others}
          </EmailForm>
        ) : way === "password" ? (
          <PasswordForm {...fields} onForgot={() => setWay("forgot")}>
            {others}
          </PasswordForm>
        ) : way === "sign-up" ? (
          <SignUpForm {...fields} onSent={setSent}>
            {others}
          </SignUpForm>
        ) : (
          <ForgotForm {...fields} onBack={() => setWay("password")} />
        )}
      </div>
      {!methods.password && <p className={styles.foot}>No password to remember, none to lose.</p>}
    </main>
  );
}
