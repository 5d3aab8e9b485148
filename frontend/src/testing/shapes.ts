import type { Conversation, LogEvent, Message, User } from "../api/types";

/* The people are the same in every test of Pulse: ann owns the room, ben is in it, cho is outside. */

export const ann = person("a0000000-0000-4000-8000-000000000000", "Ann");
export const ben = person("b0000000-0000-4000-8000-000000000000", "Ben");
export const cho = person("c0000000-0000-4000-8000-000000000000", "Cho");
export const ROOM = "10000000-0000-4000-8000-000000000000";

function person(id: string, name: string): User {
  return { id, name, avatar_url: null, created_at: "2026-11-01T09:00:00.000000Z", deleted_at: null };
}

export function message(seq: number, change: Partial<Message> = {}): Message {
  return {
    id: `message-${seq}`,
    conversation_id: ROOM,
    seq,
    changed_seq: seq,
    sender_id: ben.id,
    content: `words ${seq}`,
    reply_to: null,
    attachments: [],
    reactions: [],
    created_at: new Date(Date.UTC(2026, 10, 22, 12, 0, seq)).toISOString(),
    edited_at: null,
    deleted_at: null,
    ...change,
  };
}

export function sent(seq: number, change: Partial<Message> = {}): LogEvent {
  return { event: "message.sent", seq, data: { conversation_id: ROOM, seq, message: message(seq, change) } };
}

/** The message of `seq`, edited as the log's row `at`. */
export function edited(seq: number, at: number, content: string): LogEvent {
  return { event: "message.edited", seq: at, data: { conversation_id: ROOM, seq: at, message: message(seq, { content, changed_seq: at }) } };
}

export function deleted(seq: number, at: number): LogEvent {
  const gone = message(seq, { content: null, changed_seq: at, deleted_at: "2026-11-22T13:00:00.000000Z" });
  return { event: "message.deleted", seq: at, data: { conversation_id: ROOM, seq: at, message: gone } };
}

export function joined(user: User, seq: number, count = 3): LogEvent {
  return { event: "member.joined", seq, data: { conversation_id: ROOM, seq, user, member_count: count } };
}

export function left(user: User, seq: number, count = 2): LogEvent {
  return { event: "member.left", seq, data: { conversation_id: ROOM, seq, user, member_count: count } };
}

/** The group of ann, who owns it, and ben. */
export function group(lastSeq: number, change: Partial<Conversation> = {}): Conversation {
  return conversation(lastSeq, { kind: "group", name: "Room", owner_ids: [ann.id], peer: null, ...change });
}

/** The direct conversation of ann and ben as ann's list shows it. */
export function conversation(lastSeq: number, change: Partial<Conversation> = {}): Conversation {
  return {
    id: ROOM,
    kind: "direct",
    name: null,
    owner_ids: [],
    member_count: 2,
    members: [ann, ben],
    last_seq: lastSeq,
    last_message: lastSeq === 0 ? null : message(lastSeq),
    created_at: "2026-11-22T12:00:00.000000Z",
    last_read_seq: 0,
    unread: lastSeq,
    muted: false,
    peer: ben,
    ...change,
  };
}
