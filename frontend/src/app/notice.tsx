import type { ReactElement, ReactNode } from "react";
import { Logo } from "../ui/logo";
import styles from "./notice.module.css";

interface Props {
  title: string;
  text: string;
  children?: ReactNode;
}

/** A page with one thing to say. */
export function Notice({ title, text, children }: Props): ReactElement {
  return (
    <main className={styles.page}>
      <Logo size={52} />
      <h1 className={styles.title}>{title}</h1>
      <p className={styles.text}>{text}</p>
      {children}
    </main>
  );
}

export function Splash(): ReactElement {
  return (
    <main className={styles.page} aria-busy="true">
      <Logo size={52} />
      <span className="visually-hidden" role="status">
        Loading Pulse
      </span>
    </main>
  );
}
