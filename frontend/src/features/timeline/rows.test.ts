import { describe, expect, it } from "vitest";
import type { Unsent } from "../../state/outbox";
import { ann, ben, cho, message, ROOM } from "../../testing/shapes";
import { itemsOf, rowsOf } from "./rows";

const at = (minutes: number): string => new Date(2026, 10, 22, 12, minutes).toISOString();
const from = (seq: number, sender: string, minutes: number) => message(seq, { sender_id: sender, created_at: at(minutes) });

function unsent(id: string, state: Unsent["state"]): Unsent {
  return { id, lane: "x", target: { conversation_id: ROOM }, content: "mine", replyTo: null, createdAt: at(30), owner: "tab", state };
}

const shape = (rows: ReturnType<typeof rowsOf>): string[] =>
  rows.map((row) => (row.kind === "message" ? `${row.first ? "(" : ""}${row.key}${row.last ? ")" : ""}` : row.kind));

describe("rows", () => {
  it("group one sender's messages within five minutes", () => {
    const messages = [from(1, ben.id, 0), from(2, ben.id, 4), from(3, ben.id, 10), from(4, ann.id, 11)];
    expect(shape(rowsOf(itemsOf({ messages: messages, unsent: [] }), ann.id, null))).toEqual(["day", "(message-1", "message-2)", "(message-3)", "(message-4)"]);
  });

  it("separate days", () => {
    const messages = [from(1, ben.id, 0), from(2, ben.id, 60 * 14)];
    expect(shape(rowsOf(itemsOf({ messages: messages, unsent: [] }), ann.id, null))).toEqual(["day", "(message-1)", "day", "(message-2)"]);
  });

  it("draw one line before the first unread message of others", () => {
    const messages = [from(1, ben.id, 0), from(2, ann.id, 1), from(3, ben.id, 1), from(4, ben.id, 2)];
    expect(shape(rowsOf(itemsOf({ messages: messages, unsent: [] }), ann.id, 1))).toEqual(["day", "(message-1)", "(message-2)", "unread", "(message-3", "message-4)"]);
    expect(shape(rowsOf(itemsOf({ messages: messages, unsent: [] }), ann.id, 4))).not.toContain("unread");
  });

  it("put who came and went where it happened, and begin a new group after it", () => {
    const messages = [from(2, ben.id, 0), from(4, ben.id, 1)];
    const notes = [1, 3, 5].map((seq) => ({ seq, kind: "joined" as const, user: cho }));
    const rows = rowsOf(itemsOf({ messages, notes, unsent: [] }), ann.id, null);
    expect(shape(rows)).toEqual(["note", "day", "(message-2)", "note", "(message-4)", "note"]);
  });

  it("hold the wish beside the message, but not beside one that is deleted", () => {
    const edit = { content: "x", state: { kind: "saving" as const } };
    const edits = new Map([["message-1", edit], ["message-2", edit]]);
    const gone = { ...from(2, ann.id, 1), content: null, deleted_at: at(2) };
    const items = itemsOf({ messages: [from(1, ann.id, 0), gone], unsent: [], edits });
    expect(items.map((item) => item.kind === "sent" && item.edit)).toEqual([edit, null]);
  });

  it("put the server's message in the place of the unsent one, under the same key", () => {
    const waiting = [unsent("message-2", { kind: "sending" }), unsent("b", { kind: "waiting" }), unsent("c", { kind: "failed", reason: "no" })];
    const before = itemsOf({ messages: [from(1, ben.id, 0)], unsent: waiting });
    expect(before.map((item) => `${item.kind} ${item.id}`)).toEqual(["sent message-1", "pending message-2", "pending b", "failed c"]);
    const after = itemsOf({ messages: [from(1, ben.id, 0), from(2, ann.id, 1)], unsent: waiting });
    expect(after.map((item) => `${item.kind} ${item.id}`)).toEqual(["sent message-1", "sent message-2", "pending b", "failed c"]);
  });
});
