import { useId, useState, type InputHTMLAttributes, type ReactElement, type ReactNode, type Ref } from "react";
import { Button } from "./button";
import { Icon } from "./icon";
import styles from "./form.module.css";

type Props = InputHTMLAttributes<HTMLInputElement> & {
  label: string;
  hint?: ReactNode;
  problem?: string | null;
  ref?: Ref<HTMLInputElement>;
};

/** A field with its label, a hint, and what is wrong with it. */
export function TextField({ label, hint, problem = null, ...rest }: Props): ReactElement {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} problem={problem}>
      <input id={id} className={styles.field} {...describedBy(id, hint, problem)} {...rest} />
    </Labelled>
  );
}

/** A password, hidden until one wants to see it. `autoComplete` tells password managers which one it is. */
export function PasswordField({ label, hint, problem = null, ...rest }: Props & { autoComplete: "current-password" | "new-password" }): ReactElement {
  const id = useId();
  const [shown, setShown] = useState(false);
  return (
    <Labelled id={id} label={label} hint={hint} problem={problem}>
      <div className={styles.secret}>
        <input
          id={id}
          className={styles.field}
          type={shown ? "text" : "password"}
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          {...describedBy(id, hint, problem)}
          {...rest}
        />
        <Button look="icon" className={styles.reveal ?? ""} aria-label={`${shown ? "Hide" : "Show"} ${label.toLowerCase()}`} aria-pressed={shown} onClick={() => setShown(!shown)}>
          <Icon name={shown ? "hidden" : "eye"} />
        </Button>
      </div>
    </Labelled>
  );
}

function describedBy(id: string, hint: ReactNode, problem: string | null): { "aria-invalid": boolean; "aria-describedby": string | undefined } {
  const ids = [problem !== null && `${id}-problem`, hint !== undefined && problem === null && `${id}-hint`].filter(Boolean);
  return { "aria-invalid": problem !== null, "aria-describedby": ids.length === 0 ? undefined : ids.join(" ") };
}

interface LabelledProps {
  id: string;
  label: string;
  hint: ReactNode;
  problem: string | null;
  children: ReactNode;
}

function Labelled({ id, label, hint, problem, children }: LabelledProps): ReactElement {
  return (
    <div className={styles.labelled}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      {children}
      {hint !== undefined && problem === null && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
      <p id={`${id}-problem`} className={styles.problem} role="alert">
        {problem}
      </p>
    </div>
  );
}
