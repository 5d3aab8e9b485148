import type { ReactElement } from "react";
import { oneLine } from "../../lib/text";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import styles from "./composer.module.css";

interface Props {
  kind: "reply" | "edit";
  title: string;
  text: string;
  onCancel: () => void;
}

/** Above the field: which message is being answered or changed. */
export function Above({ kind, title, text, onCancel }: Props): ReactElement {
  return (
    <div className={styles.above} role="status">
      <Icon name={kind} size={18} />
      <div className={styles.aboveWords}>
        <bdi className={styles.aboveTitle}>{title}</bdi>
        <span className={styles.aboveText} dir="auto">
          {oneLine(text)}
        </span>
      </div>
      <Button look="icon" aria-label={kind === "edit" ? "Leave it as it is" : "Do not reply to it"} onClick={onCancel}>
        <Icon name="close" size={18} />
      </Button>
    </div>
  );
}
