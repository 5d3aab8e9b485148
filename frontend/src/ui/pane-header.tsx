import type { ReactElement, ReactNode } from "react";
import { paths } from "../lib/router";
import { Icon } from "./icon";
import { Link } from "./link";
import styles from "./pane-header.module.css";

/** The head of what stands beside the list; on a phone, where that is another screen, with the way back. */
export function PaneHeader({ children }: { children: ReactNode }): ReactElement {
  return (
    <header className={styles.header}>
      <Link className={styles.back} href={paths.chat} aria-label="Back to conversations">
        <Icon name="back" size={24} />
      </Link>
      {children}
    </header>
  );
}
