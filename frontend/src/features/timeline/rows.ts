import type { Message } from "../../api/types";
import { isSameDay } from "../../lib/times";
import type { Unsent } from "../../state/outbox";

/** A message as the timeline shows it: sent and known to all, on its way, or refused. */
export type Item =
  | { kind: "sent"; id: string; message: Message }
  | { kind: "pending"; id: string; unsent: Unsent; waiting: boolean }
  | { kind: "failed"; id: string; unsent: Unsent; reason: string };

export type Row =
  | { kind: "day"; key: string; at: string }
  | { kind: "unread"; key: string }
  | { kind: "message"; key: string; item: Item; sender: string; at: string; first: boolean; last: boolean };

const GROUP_MS = 5 * 60_000;

/** Unsent messages stand at the end; once the server's row is there it takes the place of the unsent one, under the same key. */
export function itemsOf(messages: readonly Message[], unsent: readonly Unsent[]): Item[] {
  const items: Item[] = messages.map((message) => ({ kind: "sent", id: message.id, message }));
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
  for (const item of items) {
    const sender = item.kind === "sent" ? item.message.sender_id : me;
    const at = item.kind === "sent" ? item.message.created_at : item.unsent.createdAt;
    let first: boolean = before === null || before.sender !== sender || gap(before.at, at) > GROUP_MS;
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
  }
  if (before !== null) before.last = true;
  return rows;
}

function gap(before: string, after: string): number {
  return new Date(after).getTime() - new Date(before).getTime();
}
