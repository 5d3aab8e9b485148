import { oneLine } from "../../lib/text";
import { titleOf, type Summary } from "../../state/summary";

/** The list's line about the last message. */
export function previewOf(summary: Summary, me: string): string {
  const message = summary.last_message;
  if (message === null) return "No messages yet";
  const text = message.content === null ? "Message deleted" : oneLine(message.content);
  return message.sender_id === me ? `You: ${text}` : text;
}

/** What a screen reader says for a row, in one go. */
export function describe(summary: Summary, preview: string, age: string, online: boolean): string {
  const unread = summary.unread === 0 ? "" : `, ${summary.unread} unread`;
  return `${titleOf(summary)}${online ? ", online" : ""}${unread}. ${preview}. ${age}`;
}
