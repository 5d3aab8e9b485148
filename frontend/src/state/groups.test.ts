import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuthApi } from "../api/auth";
import { deferred } from "../lib/deferred";
import { FakeChat } from "../testing/server";
import { ann, ben, cho, group, joined, left, ROOM, sent } from "../testing/shapes";
import { Chat } from "./chat";
import { OutboxShelf } from "./outbox-shelf";

let server: FakeChat;
let chat: Chat;
let removed: number;

const nothing = { get: () => null, set: () => undefined, remove: () => undefined, keys: () => [] };
const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const summary = () => chat.conversations.find(ROOM)?.summary;
const removeMember = () => {
  removed += 1;
  return Promise.resolve();
};
const notes = () =>
  chat.conversations
    .find(ROOM)
    ?.timeline?.getSnapshot()
    .notes.map((note) => `${note.user.name} ${note.kind} ${note.seq}`);

beforeEach(async () => {
  vi.useFakeTimers();
  removed = 0;
  server = new FakeChat();
  server.change = { kind: "group", name: "Room", owner_ids: [ann.id, ben.id], peer: null };
  server.write(sent(1), joined(cho, 2), sent(3));
  const api = Object.assign(server.api, { presence: () => Promise.resolve({ presence: [] }), removeMember });
  chat = new Chat(ann, api, {} as unknown as AuthApi, new OutboxShelf(nothing, ann.id, undefined));
  chat.connected();
  await settle();
});

afterEach(() => {
  chat.stop();
  vi.useRealTimers();
});

function receive(...events: ReturnType<typeof joined>[]): void {
  for (const { event, data } of server.write(...events)) chat.event(event, data);
}

describe("a group", () => {
  it("shows who came and went among its messages, once, whichever way it is told", async () => {
    chat.conversations.find(ROOM)?.open();
    await settle();
    expect(notes()).toEqual(["Cho joined 2"]);
    receive(left(cho, 4), left(cho, 4));
    expect(notes()).toEqual(["Cho joined 2", "Cho left 4"]);
    server.write(joined(cho, 5));
    chat.refresh();
    await settle();
    expect(notes()).toEqual(["Cho joined 2", "Cho left 4", "Cho joined 5"]);
  });

  it("knows how many there are, and who owns it", () => {
    receive(left(ben, 4, 2));
    expect(summary()).toMatchObject({ member_count: 2, owner_ids: [ann.id], last_seq: 4 });
    expect(summary()?.members.map((user) => user.name)).toEqual(["Ann"]);
    receive({ event: "conversation.changed", seq: 5, data: { conversation_id: ROOM, seq: 5, conversation: group(5, { name: "Hall" }) } });
    expect(summary()).toMatchObject({ name: "Hall", unread: 2 });
  });

  it("leaves the list with a quiet word when we were taken out, live", () => {
    receive(left(ann, 4));
    expect(summary()).toBeUndefined();
    expect(chat.conversations.formerName(ROOM)).toBe("Room");
    expect(chat.notices.getSnapshot()).toBe("You are no longer in “Room”.");
  });

  it("leaves it too when that happened while we were away", async () => {
    server.gone = true;
    server.listed = false;
    chat.connected();
    await settle();
    expect(summary()).toBeUndefined();
    expect(chat.notices.getSnapshot()).toBe("You are no longer in “Room”.");
  });

  it("stays when only the list passed it by", async () => {
    server.listed = false;
    chat.connected();
    await settle();
    expect(summary()?.id).toBe(ROOM);
  });

  it("comes back when we are taken in again", async () => {
    receive(left(ann, 4));
    receive(joined(ann, 5));
    await settle();
    expect(summary()?.name).toBe("Room");
    expect(chat.conversations.formerName(ROOM)).toBeNull();
  });

  it("goes at once when we leave it ourselves, and says so", async () => {
    await chat.groups.leave(ROOM);
    expect(summary()).toBeUndefined();
    expect(chat.notices.getSnapshot()).toBe("You left “Room”.");
  });

  it("is not asked about any more while we leave it", async () => {
    const answer = deferred();
    server.before = () => answer.promise;
    chat.conversations.refresh(ROOM);
    await settle(300);
    chat.conversations.refresh(ROOM);
    server.asked.length = 0;
    const leaving = chat.groups.leave(ROOM);
    await settle(300);
    expect(removed).toBe(0);
    answer.resolve();
    await leaving;
    await settle(300);
    expect(removed).toBe(1);
    expect(server.asked).toEqual([]);
  });

  it("goes on past a change that we know nothing of", () => {
    chat.event("poll.opened", { conversation_id: ROOM, seq: 4, poll: {} });
    receive(sent(4), sent(5));
    expect(summary()).toMatchObject({ last_seq: 5 });
    chat.event("something.new", { hello: true });
    chat.event("something.odd", null);
  });
});
