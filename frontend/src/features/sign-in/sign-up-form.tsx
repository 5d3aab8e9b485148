import { useRef, useState, type ReactElement, type ReactNode, type SyntheticEvent } from "react";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import { PasswordField, TextField } from "../../ui/text-field";
import { BAD_ADDRESS, EmailField, isAddress } from "./email-field";
import type { Sent } from "./email-form";
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

export function SignUpForm({ email, redirectTo, onChange, onSent, children }: Props): ReactElement {
  const { auth } = useClient();
  const attempt = useAttempt(["name", "email", "password"]);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [missing, setMissing] = useState<"email" | "password" | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const secret = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    const address = email.trim();
    const lacks = !isAddress(address) ? "email" : password === "" ? "password" : null;
    setMissing(lacks);
    if (lacks !== null) {
      attempt.forget();
      (lacks === "email" ? field : secret).current?.focus();
      return;
    }
    await attempt.run(async () => {
      const resend = () => auth.signUp(address, password, name.trim(), redirectTo);
      const answer = await resend();
      onChange(address);
      onSent({ purpose: "sign-up", digits: answer.code_digits, inbox: answer.dev_inbox, waitSeconds: RESEND_SECONDS, resend });
    });
  }

  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <h1 className={styles.title}>Create an account</h1>
      <p className={styles.lead}>We’ll mail you once, to see that the address is yours.</p>
      <TextField label="Name" name="name" autoComplete="name" maxLength={80} autoFocus placeholder="What others call you" value={name} problem={attempt.problem("name")} onChange={(event) => setName(event.target.value)} />
      <EmailField ref={field} email={email} autoComplete="username" problem={missing === "email" ? BAD_ADDRESS : attempt.problem("email")} onChange={onChange} />
      <PasswordField
        ref={secret}
        label="Password"
        name="password"
        autoComplete="new-password"
        hint="8 characters or more. A few words that don’t belong together are good."
        value={password}
        problem={missing === "password" ? "Choose a password." : (attempt.problem("password") ?? attempt.problem())}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" busy={attempt.busy} disabled={attempt.busy || attempt.wait > 0}>
        {unlessWaiting("Create account", attempt.wait)}
      </Button>
      {children}
    </form>
  );
}
