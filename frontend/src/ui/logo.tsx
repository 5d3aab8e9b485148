import type { ReactElement } from "react";
import styles from "./logo.module.css";

export function Logo({ size = 28 }: { size?: number }): ReactElement {
  return (
    <svg className={styles.logo} width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        className={styles.body}
        d="M16 2.500c-8 0-13.500 5.200-13.500 12.300 0 4 1.800 7.300 4.700 9.500v4.200c0 .9 1 1.400 1.700.9l4.200-2.900c.9.200 1.900.3 2.900.3 8 0 13.500-5.200 13.500-12S24 2.500 16 2.500Z"
      />
      <path className={styles.beat} d="M6.500 15.500h4l2.600-6 4.400 11 2.800-6.500 1.200 1.500h4" pathLength="1" />
    </svg>
  );
}

export function Wordmark(): ReactElement {
  return (
    <span className={styles.wordmark}>
      <Logo />
      <span>Pulse</span>
    </span>
  );
}
