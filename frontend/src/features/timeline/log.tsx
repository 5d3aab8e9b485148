import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactElement, type ReactNode } from "react";
import type { Message } from "../../api/types";
import { dayName } from "../../lib/times";
import { useLive } from "../../state/context";
import type { Summary } from "../../state/summary";
import { Icon } from "../../ui/icon";
import { useStore } from "../../ui/use-store";
import { allowed, type MessageActions } from "./actions";
import { moveBetweenMenus } from "./message-menu";
import type { Fixes } from "./message-meta";
import { MessageRow } from "./message-row";
import { NoteRow } from "./note-row";
import { rowsOf, type Item, type Row } from "./rows";
import { useAttention } from "./use-attention";
import { useScroll } from "./use-scroll";
import { useUnreadLine } from "./use-unread-line";
import styles from "./timeline.module.css";

interface Props {
  items: readonly Item[];
  /** What stands at the conversation's end; the same, unless `items` are those around an older message. */
  latest: readonly Item[];
  /** The message to begin at. */
  target: { id: string } | null;
  /** Null while nobody has written to this person yet. */
  conversation: Summary | null;
  seenSeq: number;
  busy: boolean;
  top: ReactNode;
  bottom?: ReactNode;
  onNearTop: () => void;
  onNearBottom: () => void;
  /** The newest is wanted. */
  onNewest: () => void;
  actions: MessageActions | null;
}

/** The scrolling log of messages: sticks to the newest, holds still while older ones are read. */
export function Log({ items, latest, target, conversation, seenSeq, busy, top, bottom, onNearTop, onNearBottom, onNewest, actions }: Props): ReactElement {
  const { chat } = useLive();
  const me = chat.me.id;
  const people = useStore(chat.people);
  const attention = useAttention();
  const line = useUnreadLine(conversation, attention, latest, me);
  const rows = useMemo(() => rowsOf(items, me, line), [items, me, line]);
  const { scroller, content, atBottom, onScroll, toBottom, reveal } = useScroll({
    version: rows,
    ended: items === latest,
    target,
    onNearTop: useLatest(onNearTop),
    onNearBottom: useLatest(onNearBottom),
  });
  // Who comes back to many unread messages begins at the first of them, unless another was asked for.
  const [asked] = useState(target !== null);
  useLayoutEffect(() => {
    const mark = asked ? null : content.current?.querySelector(`.${styles.unread ?? ""}`);
    if (mark) reveal(mark);
  }, [asked, content, reveal]);
  const last = latest.at(-1);
  const lastSent = latest.findLast((item) => item.kind === "sent");
  const lastOffered = items.findLast((item) => item.kind === "sent" && item.message.deleted_at === null)?.id;
  const fresh = useFresh(atBottom, latest, me);
  const messages = useMemo(() => new Map(items.flatMap((item) => (item.kind === "sent" ? [[item.id, item.message] as const] : []))), [items]);
  const nameOf = (id: string): string => people.get(id)?.name ?? "Somebody";
  const fixes = useMemo<Fixes>(
    () => ({
      resend: (messageId) => chat.outbox.retry(messageId),
      discard: (messageId) => chat.outbox.discard(messageId),
      saveAgain: (messageId) => chat.edits.retry(messageId),
      undo: (messageId) => chat.edits.undo(messageId),
    }),
    [chat],
  );

  // What we just wrote is always shown, wherever we were reading; what waited already is no news.
  const lastUnsent = last?.kind === "pending" || last?.kind === "failed" ? last.id : null;
  const toNewest = useLatest(() => {
    onNewest();
    toBottom();
  });
  const waiting = useRef(lastUnsent);
  useEffect(() => {
    if (lastUnsent !== null && lastUnsent !== waiting.current) toNewest();
    waiting.current = lastUnsent;
  }, [lastUnsent, toNewest]);

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
        <div
          ref={content}
          className={styles.content}
          role="log"
          aria-label="Messages"
          // Only what is new is told by itself.
          aria-live={busy || items !== latest ? "off" : "polite"}
          aria-busy={busy}
          onKeyDown={(event) => moveBetweenMenus(event.currentTarget, event.target, event.key) && event.preventDefault()}
        >
          <div>{top}</div>
          {rows.map((row) => (
            <RowView
              key={row.key}
              row={row}
              me={me}
              nameOf={nameOf}
              messages={messages}
              group={conversation?.kind === "group"}
              ownsGroup={conversation?.kind === "group" && conversation.owner_ids.includes(me)}
              newest={row.kind === "message" && row.item.id === lastSent?.id}
              tabStop={row.kind === "message" && row.item.id === lastOffered}
              seenSeq={seenSeq}
              actions={actions}
              fixes={fixes}
            />
          ))}
          {bottom}
        </div>
      </div>
      {!atBottom && (
        <button type="button" className={`${styles.jump} ${fresh ? styles.fresh : ""}`} onClick={toNewest}>
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
  nameOf: (id: string) => string;
  messages: ReadonlyMap<string, Message>;
  group: boolean;
  ownsGroup: boolean;
  newest: boolean;
  tabStop: boolean;
  seenSeq: number;
  actions: MessageActions | null;
  fixes: Fixes;
}

function RowView({ row, me, nameOf, messages, group, ownsGroup, newest, tabStop, seenSeq, actions, fixes }: RowViewProps): ReactElement {
  if (row.kind === "day") return <div className={styles.day}>{dayName(row.at, new Date())}</div>;
  if (row.kind === "unread") return <div className={styles.unread}>New</div>;
  if (row.kind === "note") return <NoteRow note={row.note} me={me} name={nameOf(row.note.user.id)} />;
  const { item } = row;
  const sent = item.kind === "sent" ? item.message : null;
  const may = sent === null ? { edit: false, delete: false } : allowed(sent, me, ownsGroup);
  const replyTo = item.kind === "sent" ? item.message.reply_to : item.unsent.replyTo;
  const answered = replyTo === null ? null : answerOf(messages.get(replyTo), me, nameOf);
  return (
    <MessageRow
      row={row}
      own={row.sender === me}
      name={nameOf(row.sender)}
      showSender={group}
      newest={newest}
      seen={sent !== null && sent.seq <= seenSeq}
      answered={answered}
      actions={actions}
      mayEdit={may.edit}
      mayDelete={may.delete}
      tabStop={tabStop}
      fixes={fixes}
    />
  );
}

function answerOf(message: Message | undefined, me: string, nameOf: (id: string) => string): { name: string; text: string } {
  if (message === undefined) return { name: "Earlier", text: "A message further up" };
  return { name: message.sender_id === me ? "You" : nameOf(message.sender_id), text: message.content ?? "Message deleted" };
}

/** The same function each time, doing what the latest one does. */
function useLatest(act: () => void): () => void {
  const latest = useRef(act);
  useLayoutEffect(() => {
    latest.current = act;
  });
  return useCallback(() => latest.current(), []);
}

/** Whether others have written since the bottom was left. */
function useFresh(atBottom: boolean, items: readonly Item[], me: string): boolean {
  const newest = items.findLast((item) => item.kind === "sent" && item.message.sender_id !== me)?.id;
  const [known, setKnown] = useState(newest);
  if (atBottom && known !== newest) setKnown(newest);
  return !atBottom && known !== newest;
}
