import type { ReactElement, Ref } from "react";
import { TextField } from "../../ui/text-field";

const ADDRESS = /^[^\s@]+@[^\s@]+$/;

export const BAD_ADDRESS = "Enter your e-mail address, like ann@example.org.";

export function isAddress(text: string): boolean {
  return ADDRESS.test(text.trim());
}

interface Props {
  email: string;
  onChange: (email: string) => void;
  problem: string | null;
  /** `username` beside a password, for the sake of password managers. */
  autoComplete: "email" | "username";
  autoFocus?: boolean;
  ref?: Ref<HTMLInputElement>;
}

export function EmailField({ email, onChange, ...rest }: Props): ReactElement {
  return (
    <TextField
      label="Email address"
      type="email"
      name="email"
      autoCapitalize="none"
      spellCheck={false}
      placeholder="you@example.org"
      required
      value={email}
      onChange={(event) => onChange(event.target.value)}
      {...rest}
    />
  );
}
