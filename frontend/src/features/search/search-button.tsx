import type { ReactElement } from "react";
import { Icon } from "../../ui/icon";
import styles from "./search-button.module.css";

/** Looks like the field that it opens. */
export function SearchButton({ onOpen }: { onOpen: () => void }): ReactElement {
  const mac = /Mac|iP/.test(navigator.userAgent);
  return (
    <button type="button" className={styles.button} aria-keyshortcuts="/ Control+Shift+F Meta+Shift+F" title={`Search messages (${mac ? "⌘ ⇧ F" : "Ctrl Shift F"}, or /)`} onClick={onOpen}>
      <Icon name="search" size={18} />
      <span>Search messages</span>
      <kbd aria-hidden="true">/</kbd>
    </button>
  );
}
