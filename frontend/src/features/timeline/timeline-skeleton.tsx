import type { ReactElement } from "react";
import styles from "./timeline.module.css";

export function TimelineSkeleton(): ReactElement {
  return (
    <div className={styles.skeleton} role="status" aria-label="Loading messages">
      <span className={styles.ghost} />
      <span className={`${styles.ghost} ${styles.short}`} />
      <span className={`${styles.ghost} ${styles.mine}`} />
      <span className={styles.ghost} />
      <span className={`${styles.ghost} ${styles.mine} ${styles.short}`} />
    </div>
  );
}
