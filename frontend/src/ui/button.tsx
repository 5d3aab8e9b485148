import type { ButtonHTMLAttributes, ReactElement, Ref } from "react";
import styles from "./button.module.css";

type Props = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: "primary" | "quiet" | "text" | "icon" | "danger";
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
};

export function Button({ look = "primary", busy = false, className = "", children, ...rest }: Props): ReactElement {
  return (
    <button type="button" {...rest} aria-busy={busy || undefined} className={`${styles.button} ${styles[look]} ${className}`}>
      {busy ? <span className={styles.spinner} aria-hidden="true" /> : null}
      {children}
    </button>
  );
}

export function Spinner(): ReactElement {
  return <span className={styles.spinner} role="status" aria-label="Loading" />;
}
