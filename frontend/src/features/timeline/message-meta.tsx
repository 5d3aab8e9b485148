import type { ReactElement } from "react";
import { clockTime } from "../../lib/times";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import type { Item, Row } from "./rows";
import styles from "./message.module.css";

/** What a person may do about a message, or a change of one, that did not get through. */
export interface Fixes {
  resend: (id: string) => void;
  discard: (id: string) => void;
  saveAgain: (id: string) => void;
  undo: (id: string) => void;
}

interface Props {
  row: Extract<Row, { kind: "message" }>;
  own: boolean;
  newest: boolean;
  seen: boolean;
  fixes: Fixes;
}

/** The line below a message: when it was written, and how far it has come. */
export function MessageMeta({ row, own, newest, seen, fixes }: Props): ReactElement | null {
  const { item } = row;
  if (item.kind === "failed") {
    return <Failed words={`Not sent. ${item.reason}`} retry="Retry" onRetry={() => fixes.resend(item.id)} undo="Discard" onUndo={() => fixes.discard(item.id)} />;
  }
  // One line for a whole burst: the lighter colour already says it for each.
  if (item.kind === "pending") return row.last ? <Pending item={item} onRetry={fixes.resend} /> : null;
  if (item.edit?.state.kind === "failed") {
    const what = item.edit.content === null ? "Not deleted." : "Your change is not saved.";
    const undo = item.edit.content === null ? "Keep it" : "Undo";
    return <Failed words={`${what} ${item.edit.state.reason}`} retry="Retry" onRetry={() => fixes.saveAgain(item.id)} undo={undo} onUndo={() => fixes.undo(item.id)} />;
  }
  const edited = (item.message.edited_at !== null || item.edit !== null) && item.message.deleted_at === null;
  if (!row.last && !edited) return null;
  return (
    <p className={styles.meta}>
      {item.edit !== null ? <span>{item.edit.content === null ? "deleting…" : "saving…"}</span> : edited && <span>edited</span>}
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
  const { state } = item.unsent;
  const tooFast = state.kind === "waiting" && state.tooFast === true;
  return (
    <p className={styles.meta}>
      <span className={styles.state}>
        <Icon name="clock" size={14} />
        {tooFast ? "That was quick. Goes out in a moment" : item.waiting ? "Waiting for a connection" : "Sending…"}
      </span>
      {item.waiting && !tooFast && (
        <Button look="text" className={styles.action} onClick={() => onRetry(item.id)}>
          Try now
        </Button>
      )}
    </p>
  );
}

interface FailedProps {
  words: string;
  retry: string;
  onRetry: () => void;
  undo: string;
  onUndo: () => void;
}

function Failed({ words, retry, onRetry, undo, onUndo }: FailedProps): ReactElement {
  return (
    <p className={`${styles.meta} ${styles.failed}`} role="status">
      <span className={styles.state}>
        <Icon name="alert" size={15} />
        {words}
      </span>
      <Button look="text" className={styles.action} onClick={onRetry}>
        {retry}
      </Button>
      <Button look="text" className={styles.action} onClick={onUndo}>
        {undo}
      </Button>
    </p>
  );
}
