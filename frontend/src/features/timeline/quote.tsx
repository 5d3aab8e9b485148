import type { ReactElement } from "react";
import { getRouter, paths } from "../../lib/router";
import { oneLine } from "../../lib/text";
import { findMessage, showMessage } from "./show-message";
import styles from "./message.module.css";

interface Props {
  name: string;
  text: string;
  /** The message that is answered; null as long as the answer is not sent. */
  to: { conversationId: string; id: string } | null;
}

/** The message that is answered, in a line; leads to it. */
export function Quote({ name, text, to }: Props): ReactElement {
  function show(): void {
    if (to === null) return;
    const row = findMessage(document, to.id);
    if (row !== null) showMessage(row);
    else getRouter().go(paths.message(to.conversationId, to.id), { replace: true });
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
