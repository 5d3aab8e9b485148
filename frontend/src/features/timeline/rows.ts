import type { Message } from "../../api/types";
import { isSameDay } from "../../lib/times";
import type { Edit } from "../../state/edits";
import type { Note } from "../../state/notes";
import type { Unsent } from "../../state/outbox";

/** What the timeline shows: a message that is sent and known to all, on its way, or refused; or who came and went. */
export type Item =
  | { kind: "sent"; id: string; message: Message; edit: Edit | null }
  | { kind: "note"; id: string; note: Note }
  | { kind: "pending"; id: string; unsent: Unsent; waiting: boolean }
  | { kind: "failed"; id: string; unsent: Unsent; reason: string };

export type MessageItem = Exclude<Item, { kind: "note" }>;

export type Row =
  | { kind: "day"; key: string; at: string }
  | { kind: "unread"; key: string }
  | { kind: "note"; key: string; note: Note }
  | { kind: "message"; key: string; item: MessageItem; sender: string; at: string; first: boolean; last: boolean };

const GROUP_MS = 5 * 60_000;

interface Sources {
  messages: readonly Message[];
  notes?: readonly Note[];
  unsent: readonly Unsent[];
  edits?: ReadonlyMap<string, Edit>;
}

/** Unsent messages stand at the end; once the server's row is there it takes the place of the unsent one, under the same key. */
export function itemsOf({ messages, notes = [], unsent, edits }: Sources): Item[] {
  const items: Item[] = [];
  let next = 0;
  const noteUpTo = (seq: number): void => {
    for (let note = notes[next]; note !== undefined && note.seq < seq; note = notes[++next]) items.push({ kind: "note", id: `note ${note.seq}`, note });
  };
  for (const message of messages) {
    noteUpTo(message.seq);
    // Once it is deleted there is nothing left to change.
    const edit = message.deleted_at === null ? (edits?.get(message.id) ?? null) : null;
    items.push({ kind: "sent", id: message.id, message, edit });
  }
  noteUpTo(Infinity);
  const known = new Set(messages.map((message) => message.id));
  // They go out one after the other: when the first waits for a connection, all do.
  const waiting = unsent.some((one) => one.state.kind === "waiting");
  for (const one of unsent) {
    if (known.has(one.id)) continue;
    if (one.state.kind === "failed") items.push({ kind: "failed", id: one.id, unsent: one, reason: one.state.reason });
    else items.push({ kind: "pending", id: one.id, unsent: one, waiting });
  }
  return items;
}

/** Days, the unread line and groups: one sender, no gap over five minutes. `unreadAfter`: the last seq read before. */
export function rowsOf(items: readonly Item[], me: string, unreadAfter: number | null): Row[] {
  const rows: Row[] = [];
  let before: Extract<Row, { kind: "message" }> | null = null;
  let unread = unreadAfter;
  let broken = false;
  for (const item of items) {
    if (item.kind === "note") {
      if (before !== null) before.last = true;
      // Whoever goes on after it begins a new group.
      broken = true;
      rows.push({ kind: "note", key: item.id, note: item.note });
      continue;
    }
    const sender = item.kind === "sent" ? item.message.sender_id : me;
    const at = item.kind === "sent" ? item.message.created_at : item.unsent.createdAt;
    let first: boolean = broken || before === null || before.sender !== sender || gap(before.at, at) > GROUP_MS;
    if (before === null || !isSameDay(before.at, at)) {
      rows.push({ kind: "day", key: `day ${item.id}`, at });
      first = true;
    }
    if (unread !== null && item.kind === "sent" && item.message.seq > unread && sender !== me) {
      rows.push({ kind: "unread", key: "unread" });
      first = true;
      unread = null;
    }
    if (first && before !== null) before.last = true;
    before = { kind: "message", key: item.id, item, sender, at, first, last: false };
    rows.push(before);
    broken = false;
  }
  if (before !== null) before.last = true;
  return rows;
}

function gap(before: string, after: string): number {
  return new Date(after).getTime() - new Date(before).getTime();
}
