import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactElement, type ReactNode } from "react";
import { dayName } from "../../lib/times";
import { useLive } from "../../state/context";
import type { Summary } from "../../state/summary";
import { Icon } from "../../ui/icon";
import { useStore } from "../../ui/use-store";
import { MessageRow } from "./message-row";
import { rowsOf, type Item, type Row } from "./rows";
import { useAttention } from "./use-attention";
import { useScroll } from "./use-scroll";
import { useUnreadLine } from "./use-unread-line";
import styles from "./timeline.module.css";

interface Props {
  items: readonly Item[];
  /** Null while nobody has written to this person yet. */
  conversation: Summary | null;
  seenSeq: number;
  busy: boolean;
  top: ReactNode;
  onNearTop: () => void;
}

/** The scrolling log of messages: sticks to the newest, holds still while older ones are read. */
export function Log({ items, conversation, seenSeq, busy, top, onNearTop }: Props): ReactElement {
  const { chat } = useLive();
  const me = chat.me.id;
  const people = useStore(chat.people);
  const attention = useAttention();
  const line = useUnreadLine(conversation, attention, items, me);
  const rows = useMemo(() => rowsOf(items, me, line), [items, me, line]);
  const nearTop = useRef(onNearTop);
  useEffect(() => {
    nearTop.current = onNearTop;
  });
  const { scroller, content, atBottom, onScroll, toBottom, reveal } = useScroll(rows, useCallback(() => nearTop.current(), []));
  // Who comes back to many unread messages begins at the first of them.
  useLayoutEffect(() => {
    const mark = content.current?.querySelector(`.${styles.unread ?? ""}`);
    if (mark) reveal(mark);
  }, [content, reveal]);
  const last = items.at(-1);
  const lastSent = items.findLast((item) => item.kind === "sent");
  const fresh = useFresh(atBottom, items, me);

  // What we just wrote is always shown, wherever we were reading.
  const lastUnsent = last !== undefined && last.kind !== "sent" ? last.id : null;
  useEffect(() => {
    if (lastUnsent !== null) toBottom();
  }, [lastUnsent, toBottom]);

  const id = conversation?.id;
  const lastSeq = conversation?.last_seq;
  const unread = conversation?.unread;
  useEffect(() => {
    if (id !== undefined && attention && atBottom) chat.reading.seen(id);
  }, [chat, id, lastSeq, unread, attention, atBottom]);

  return (
    <div className={styles.frame}>
      {/* A scrolling region must be reachable by keyboard. */}
      <div ref={scroller} className={styles.scroller} onScroll={onScroll} tabIndex={0} role="region" aria-label="Conversation history">
        <div ref={content} className={styles.content} role="log" aria-label="Messages" aria-live={busy ? "off" : "polite"} aria-busy={busy}>
          <div>{top}</div>
          {rows.map((row) => (
            <RowView
              key={row.key}
              row={row}
              me={me}
              name={row.kind === "message" ? (people.get(row.sender)?.name ?? "Somebody") : ""}
              group={conversation?.kind === "group"}
              newest={row.kind === "message" && row.item.id === lastSent?.id}
              seenSeq={seenSeq}
              onRetry={(messageId) => chat.outbox.retry(messageId)}
              onDiscard={(messageId) => chat.outbox.discard(messageId)}
            />
          ))}
        </div>
      </div>
      {!atBottom && (
        <button type="button" className={`${styles.jump} ${fresh ? styles.fresh : ""}`} onClick={toBottom}>
          {fresh ? "New messages" : <span className="visually-hidden">Jump to the newest</span>}
          <Icon name="down" size={18} />
        </button>
      )}
    </div>
  );
}

interface RowViewProps {
  row: Row;
  me: string;
  name: string;
  group: boolean;
  newest: boolean;
  seenSeq: number;
  onRetry: (id: string) => void;
  onDiscard: (id: string) => void;
}

function RowView({ row, me, name, group, newest, seenSeq, onRetry, onDiscard }: RowViewProps): ReactElement {
  if (row.kind === "day") return <div className={styles.day}>{dayName(row.at, new Date())}</div>;
  if (row.kind === "unread") return <div className={styles.unread}>New</div>;
  const seen = row.item.kind === "sent" && row.item.message.seq <= seenSeq;
  return (
    <MessageRow row={row} own={row.sender === me} name={name} showSender={group} newest={newest} seen={seen} onRetry={onRetry} onDiscard={onDiscard} />
  );
}

/** Whether others have written since the bottom was left. */
function useFresh(atBottom: boolean, items: readonly Item[], me: string): boolean {
  const newest = items.findLast((item) => item.kind === "sent" && item.message.sender_id !== me)?.id;
  const [known, setKnown] = useState(newest);
  if (atBottom && known !== newest) setKnown(newest);
  return !atBottom && known !== newest;
}
