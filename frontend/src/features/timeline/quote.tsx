import type { ReactElement } from "react";
import { oneLine } from "../../lib/text";
import styles from "./message.module.css";

interface Props {
  name: string;
  text: string;
  to: string | null;
}

/** The message that is answered, in a line; leads to it where it is loaded. */
export function Quote({ name, text, to }: Props): ReactElement {
  function show(): void {
    const row = document.querySelector<HTMLElement>(`[data-message="${to ?? ""}"]`);
    row?.scrollIntoView({ block: "center" });
    if (row === null) return;
    row.dataset["shown"] = "";
    setTimeout(() => delete row.dataset["shown"], 1_500);
  }
  return (
    <button type="button" className={styles.quote} tabIndex={-1} onClick={show}>
      <bdi className={styles.quoted}>{name}</bdi>
      <span className={styles.quotedText} dir="auto">
        {oneLine(text)}
      </span>
    </button>
  );
}
