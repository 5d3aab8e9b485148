import { memo, type ReactElement } from "react";
import { clockTime, exactTime } from "../../lib/times";
import { isEmojiOnly } from "../../lib/text";
import { Avatar } from "../../ui/avatar";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { MessageText } from "./message-text";
import type { Item, Row } from "./rows";
import styles from "./message.module.css";

interface Props {
  row: Extract<Row, { kind: "message" }>;
  own: boolean;
  /** The sender's name; groups show it, and screen readers always hear it. */
  name: string;
  showSender: boolean;
  /** The newest message, if it is ours, shows how far it has come. */
  newest: boolean;
  seen: boolean;
  onRetry: (id: string) => void;
  onDiscard: (id: string) => void;
}

export const MessageRow = memo(function MessageRow(props: Props): ReactElement {
  const { row, own, name, showSender } = props;
  const { item } = row;
  const content = item.kind === "sent" ? item.message.content : item.unsent.content;
  const place = `${own ? styles.own : styles.other} ${row.first ? styles.first : ""} ${row.last ? styles.last : ""}`;
  const bare = content !== null && isEmojiOnly(content);
  const progress = item.kind === "sent" ? "" : item.kind === "pending" ? ", sending" : ", not sent";
  return (
    <article className={`${styles.row} ${place}`} data-state={item.kind} aria-label={`${own ? "You" : name}, ${clockTime(row.at)}${progress}`}>
      {showSender && !own && (
        <span className={styles.portrait}>{row.last && <Avatar id={row.sender} name={name} size="small" />}</span>
      )}
      <div className={styles.stack}>
        {showSender && !own && row.first && (
          <bdi className={styles.sender} aria-hidden="true">
            {name}
          </bdi>
        )}
        <div className={`${styles.bubble} ${bare ? styles.bare : ""} ${content === null ? styles.gone : ""}`} title={exactTime(row.at)}>
          {content === null ? <p className={styles.text}>Message deleted</p> : <MessageText content={content} />}
        </div>
        <Meta {...props} />
      </div>
    </article>
  );
});

function Meta({ row, own, newest, seen, onRetry, onDiscard }: Props): ReactElement | null {
  const { item } = row;
  if (item.kind === "failed") return <Failed item={item} onRetry={onRetry} onDiscard={onDiscard} />;
  // One line for a whole burst: the lighter colour already says it for each.
  if (item.kind === "pending") return row.last ? <Pending item={item} onRetry={onRetry} /> : null;
  const edited = item.message.edited_at !== null && item.message.deleted_at === null;
  if (!row.last && !edited) return null;
  return (
    <p className={styles.meta}>
      {edited && <span>edited</span>}
      {row.last && <time dateTime={row.at}>{clockTime(row.at)}</time>}
      {own && newest && (
        <span className={`${styles.state} ${seen ? styles.seen : ""}`}>
          <Icon name={seen ? "seen" : "check"} size={15} />
          {seen ? "Seen" : "Sent"}
        </span>
      )}
    </p>
  );
}

function Pending({ item, onRetry }: { item: Extract<Item, { kind: "pending" }>; onRetry: (id: string) => void }): ReactElement {
  return (
    <p className={styles.meta}>
      <span className={styles.state}>
        <Icon name="clock" size={14} />
        {item.waiting ? "Waiting for a connection" : "Sending…"}
      </span>
      {item.waiting && (
        <Button look="text" className={styles.action} onClick={() => onRetry(item.id)}>
          Try now
        </Button>
      )}
    </p>
  );
}

interface FailedProps {
  item: Extract<Item, { kind: "failed" }>;
  onRetry: (id: string) => void;
  onDiscard: (id: string) => void;
}

function Failed({ item, onRetry, onDiscard }: FailedProps): ReactElement {
  return (
    <p className={`${styles.meta} ${styles.failed}`} role="status">
      <span className={styles.state}>
        <Icon name="alert" size={15} />
        Not sent. {item.reason}
      </span>
      <Button look="text" className={styles.action} onClick={() => onRetry(item.id)}>
        Retry
      </Button>
      <Button look="text" className={styles.action} onClick={() => onDiscard(item.id)}>
        Discard
      </Button>
    </p>
  );
}
