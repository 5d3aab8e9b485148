import { useRef, useState, type ReactElement, type ReactNode, type SyntheticEvent } from "react";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import { PasswordField } from "../../ui/text-field";
import { BAD_ADDRESS, EmailField, isAddress } from "./email-field";
import { unlessWaiting, useAttempt } from "./use-attempt";
import styles from "./sign-in.module.css";

interface Props {
  email: string;
  onChange: (email: string) => void;
  onForgot: () => void;
  children?: ReactNode;
}

export function PasswordForm({ email, onChange, onForgot, children }: Props): ReactElement {
  const { auth, session } = useClient();
  const attempt = useAttempt(["email", "password"]);
  const [password, setPassword] = useState("");
  const [missing, setMissing] = useState<"email" | "password" | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const secret = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    const lacks = !isAddress(email) ? "email" : password === "" ? "password" : null;
    setMissing(lacks);
    if (lacks !== null) {
      attempt.forget();
      (lacks === "email" ? field : secret).current?.focus();
      return;
    }
    const works = await attempt.run(async () => session.accept(await auth.signIn(email.trim(), password)));
    if (!works) secret.current?.select();
  }

  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <h1 className={styles.title}>Good to see you</h1>
      <p className={styles.lead}>Sign in with your password.</p>
      <EmailField ref={field} email={email} autoComplete="username" autoFocus={email === ""} problem={missing === "email" ? BAD_ADDRESS : attempt.problem("email")} onChange={onChange} />
      <PasswordField
        ref={secret}
        label="Password"
        name="password"
        autoComplete="current-password"
        autoFocus={email !== ""}
        value={password}
        problem={missing === "password" ? "Enter your password." : (attempt.problem("password") ?? attempt.problem())}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" busy={attempt.busy} disabled={attempt.busy || attempt.wait > 0}>
        {unlessWaiting("Sign in", attempt.wait)}
      </Button>
      <div className={styles.others}>
        <Button look="text" onClick={onForgot}>
          Forgot password?
        </Button>
      </div>
      {children}
    </form>
  );
}
