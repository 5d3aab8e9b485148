import { memo, type ReactElement } from "react";
import { splitLinks } from "../../lib/links";
import { isEmojiOnly } from "../../lib/text";
import styles from "./message.module.css";

/** Text as text nodes, links made safe. `dir="auto"` lets each message find its own direction. */
export const MessageText = memo(function MessageText({ content }: { content: string }): ReactElement {
  return (
    <p className={isEmojiOnly(content) ? `${styles.text} ${styles.emoji}` : styles.text} dir="auto">
      {splitLinks(content).map((part, index) =>
        part.kind === "text" ? (
          part.text
        ) : (
          <a key={index} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
          </a>
        ),
      )}
    </p>
  );
});
