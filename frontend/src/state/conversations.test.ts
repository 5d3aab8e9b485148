import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NoAnswer } from "../api/errors";
import { FakeChat } from "../testing/server";
import { ann, ben, deleted, message, ROOM, sent } from "../testing/shapes";
import { CatchUp } from "./catch-up";
import { Conversations } from "./conversations";
import { Reading } from "./reading";

let server: FakeChat;
let conversations: Conversations;
let catchUp: CatchUp;

const seqs = (): number[] | undefined => conversations.find(ROOM)?.timeline?.getSnapshot().messages.map((one) => one.seq);
const summary = () => conversations.find(ROOM)?.summary;
const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeChat();
  conversations = new Conversations(server.api, ann.id);
  catchUp = new CatchUp(server.api, conversations);
});

afterEach(() => vi.useRealTimers());

async function open(count: number): Promise<void> {
  for (let seq = 1; seq <= count; seq += 1) server.write(sent(seq));
  await catchUp.run();
  conversations.find(ROOM)?.open();
  await settle();
}

describe("the conversations", () => {
  it("converge after any loss on the socket", async () => {
    await open(2);
    server.write(sent(3), sent(4), sent(5));
    await catchUp.run();
    expect(seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(summary()).toMatchObject({ last_seq: 5, unread: 5 });
  });

  it("ask for changes only where something changed", async () => {
    await open(2);
    server.asked.length = 0;
    await catchUp.run();
    expect(server.asked).toEqual(["conversations"]);
  });

  it("hold events that arrive during the catch-up, and count nothing twice", async () => {
    await open(2);
    server.write(sent(3), sent(4));
    server.before = (path) => {
      if (path.startsWith("changes")) {
        server.before = () => Promise.resolve();
        for (const event of [...server.write(sent(5)), sent(4)]) conversations.receive(ROOM, event);
      }
      return Promise.resolve();
    };
    await catchUp.run();
    await settle(1_000);
    expect(seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(summary()).toMatchObject({ last_seq: 5, unread: 5 });
  });

  it("fill a hole without being told", async () => {
    await open(1);
    server.write(sent(2), sent(3));
    conversations.receive(ROOM, sent(3));
    expect(seqs()).toEqual([1]);
    await settle(600);
    expect(seqs()).toEqual([1, 2, 3]);
    expect(summary()?.unread).toBe(3);
  });

  it("show what happened between the list and the first page of history", async () => {
    server.write(sent(1));
    await catchUp.run();
    server.write(sent(2), sent(3));
    conversations.find(ROOM)?.open();
    await settle(1_000);
    expect(seqs()).toEqual([1, 2, 3]);
    expect(summary()).toMatchObject({ last_seq: 3, unread: 3 });
  });

  it("take the place of an optimistic row with the server's, also above a hole", async () => {
    await open(1);
    server.write(sent(2), sent(3, { sender_id: ann.id }));
    await conversations.sent(message(3, { sender_id: ann.id }));
    expect(seqs()).toEqual([1, 3]);
    await settle(600);
    conversations.receive(ROOM, sent(3, { sender_id: ann.id }));
    expect(seqs()).toEqual([1, 2, 3]);
    expect(summary()).toMatchObject({ last_seq: 3, unread: 2 });
  });

  it("reload history after a reset", async () => {
    await open(2);
    server.resetAfter = 5;
    for (let seq = 3; seq <= 60; seq += 1) server.write(sent(seq));
    await catchUp.run();
    expect(seqs()?.at(0)).toBe(11);
    expect(seqs()?.at(-1)).toBe(60);
    server.asked.length = 0;
    conversations.receive(ROOM, server.write(sent(61))[0] ?? sent(61));
    expect(seqs()?.at(-1)).toBe(61);
    expect(server.asked).toEqual([]);
  });

  it("fetch a conversation they hear of for the first time", async () => {
    await catchUp.run();
    server.write(sent(1));
    conversations = new Conversations(server.api, ann.id);
    conversations.receive(ROOM, sent(1));
    await settle();
    expect(conversations.getSnapshot().list.map((one) => one.unread)).toEqual([1]);
  });

  it("drop a conversation that is not there for us any more", async () => {
    await open(1);
    server.gone = true;
    conversations.receive(ROOM, sent(9));
    await settle(600);
    expect(conversations.find(ROOM)).toBeNull();
    await settle(120_000);
    expect(server.asked.filter((path) => path.startsWith("changes"))).toHaveLength(1);
  });

  it("ask the server what is unread after a deletion", async () => {
    await open(2);
    conversations.receive(ROOM, server.write(deleted(1, 3))[0] ?? deleted(1, 3));
    await settle(400);
    expect(summary()?.unread).toBe(1);
  });

  it("clear the badge at once when seen, tell the server, and never count back", async () => {
    await open(2);
    const reading = new Reading(server.api, conversations, ann.id);
    reading.seen(ROOM);
    expect(summary()?.unread).toBe(0);
    await catchUp.run();
    expect(summary()?.unread).toBe(0);
    expect(server.readSeq).toBe(2);
  });

  it("tell the server what was seen once for messages that come closely, and again after a failure", async () => {
    await open(1);
    const reading = new Reading(server.api, conversations, ann.id);
    reading.seen(ROOM);
    for (const seq of [2, 3]) {
      conversations.receive(ROOM, server.write(sent(seq))[0] ?? sent(seq));
      reading.seen(ROOM);
    }
    await settle(1_000);
    expect(server.asked.filter((path) => path.startsWith("read"))).toEqual(["read 1", "read 3"]);
    server.before = () => Promise.reject(new NoAnswer(null));
    conversations.receive(ROOM, server.write(sent(4))[0] ?? sent(4));
    reading.seen(ROOM);
    await settle(1_000);
    server.before = () => Promise.resolve();
    reading.hurry();
    await settle();
    expect(server.readSeq).toBe(4);
    reading.stop();
  });

  it("clear the badge when another device of ours has read", async () => {
    await open(2);
    server.readSeq = 2;
    conversations.read({ conversation_id: ROOM, user_id: ben.id, seq: 2 });
    expect(summary()?.unread).toBe(2);
    conversations.read({ conversation_id: ROOM, user_id: ann.id, seq: 2 });
    expect(summary()?.unread).toBe(0);
  });

  it("stay as they are when the server can't be reached, and say so only if there is nothing to show", async () => {
    server.before = () => Promise.reject(new Error("down"));
    await expect(catchUp.run()).rejects.toThrow("down");
    expect(conversations.getSnapshot().status).toBe("failed");
    server.before = () => Promise.resolve();
    await open(1);
    server.before = () => Promise.reject(new Error("down"));
    await expect(catchUp.run()).rejects.toThrow("down");
    expect(conversations.getSnapshot()).toMatchObject({ status: "ready", list: [{ id: ROOM }] });
  });
});
