import { oneLine } from "../../lib/text";
import { titleOf, type Summary } from "../../state/summary";

type Names = ReadonlyMap<string, { name: string }>;

/** The list's line about the last message; in a group it says whose. */
export function previewOf(summary: Summary, me: string, people: Names): string {
  const message = summary.last_message;
  if (message === null) return "No messages yet";
  const text = message.content === null ? "Message deleted" : oneLine(message.content);
  if (message.sender_id === me) return `You: ${text}`;
  const sender = summary.kind === "group" ? nameIn(summary, message.sender_id, people) : null;
  return sender === null ? text : `${firstOf(sender)}: ${text}`;
}

/** Who is writing, for the list; null when nobody is. */
export function typingOf(summary: Summary, writing: readonly string[], people: Names): string | null {
  const [one, ...others] = writing;
  if (one === undefined) return null;
  if (summary.kind === "direct") return "writing…";
  const name = nameIn(summary, one, people);
  return others.length > 0 || name === null ? "several are writing…" : `${firstOf(name)} is writing…`;
}

function nameIn(summary: Summary, id: string, people: Names): string | null {
  return people.get(id)?.name ?? summary.members.find((user) => user.id === id)?.name ?? null;
}

function firstOf(name: string): string {
  return name.split(/\s/u)[0] ?? name;
}

/** What a screen reader says for a row, in one go. */
export function describe(summary: Summary, preview: string, age: string, online: boolean): string {
  const unread = summary.unread === 0 ? "" : `, ${summary.unread} unread`;
  return `${titleOf(summary)}${online ? ", online" : ""}${unread}. ${preview}. ${age}`;
}
