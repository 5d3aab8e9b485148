import type { Conversation, LogEvent, Message, User } from "../api/types";

/** A conversation as the list shows it: the server's shape with the member's own fields always there. */
export interface Summary extends Conversation {
  last_read_seq: number;
  unread: number;
  muted: boolean;
  peer: User | null;
}

const UNREAD_LIMIT = 999;
const SHOWN_MEMBERS = 20;

export function summaryOf(conversation: Conversation, me: string): Summary {
  const other = conversation.kind === "direct" ? conversation.members.find((user) => user.id !== me) : undefined;
  return {
    ...conversation,
    last_read_seq: conversation.last_read_seq ?? 0,
    unread: conversation.unread ?? 0,
    muted: conversation.muted ?? false,
    peer: conversation.peer ?? other ?? null,
  };
}

/** The summary after one event of its log; events must come in order. */
export function applyToSummary(summary: Summary, event: LogEvent, me: string): Summary {
  const next = { ...summary, last_seq: event.seq };
  switch (event.event) {
    case "message.sent":
      return { ...next, last_message: event.data.message, unread: unreadAfter(summary, event.data.message, me) };
    case "message.edited":
    case "message.deleted":
    case "reaction.changed":
      return {
        ...next,
        last_message: newerOf(summary.last_message, event.data.message),
      };
    case "conversation.created":
    case "conversation.changed": {
      const { name, owner_ids, member_count, members } = event.data.conversation;
      return { ...next, name, owner_ids, member_count, members };
    }
    case "member.joined":
    case "member.left": {
      const { user, member_count } = event.data;
      const others = summary.members.filter((member) => member.id !== user.id);
      const joined = event.event === "member.joined";
      // The shape shows up to twenty.
      const members = joined && others.length < SHOWN_MEMBERS ? [...others, user] : others;
      return { ...next, member_count, members, owner_ids: joined ? summary.owner_ids : summary.owner_ids.filter((id) => id !== user.id) };
    }
    default:
      // A newer server may know more kinds of changes: they take their place in the log.
      return next;
  }
}

/** Reading moves forward only; what is unread above `seq` is known exactly only at the end of the log. */
export function readUpTo(summary: Summary, seq: number): Summary {
  if (seq <= summary.last_read_seq) return summary;
  return { ...summary, last_read_seq: seq, unread: seq >= summary.last_seq ? 0 : summary.unread };
}

export function withUser(summary: Summary, user: User): Summary {
  if (!summary.members.some((member) => member.id === user.id) && summary.peer?.id !== user.id) return summary;
  return {
    ...summary,
    members: summary.members.map((member) => (member.id === user.id ? user : member)),
    peer: summary.peer?.id === user.id ? user : summary.peer,
  };
}

/** When the conversation last moved, for the order of the list. */
export function activityOf(summary: Summary): string {
  return summary.last_message?.created_at ?? summary.created_at;
}

export function titleOf(summary: Summary): string {
  return summary.peer?.name ?? summary.name ?? "Group";
}

function newerOf(held: Message | null, message: Message): Message | null {
  return held !== null && held.id === message.id && message.changed_seq >= held.changed_seq ? message : held;
}

function unreadAfter(summary: Summary, message: Message, me: string): number {
  const counts = message.sender_id !== me && message.deleted_at === null && message.seq > summary.last_read_seq;
  return counts ? Math.min(UNREAD_LIMIT, summary.unread + 1) : summary.unread;
}
