import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuthApi } from "../api/auth";
import type { User } from "../api/types";
import { FakeChat } from "../testing/server";
import { ann, ben, cho, conversation, ROOM, sent } from "../testing/shapes";
import { Chat } from "./chat";
import { OutboxShelf } from "./outbox-shelf";
import { titleOf } from "./summary";

const RENAMED: User = { ...ben, name: "Benjamin" };
const DELETED: User = { ...ben, name: "Deleted user", deleted_at: "2026-11-22T13:00:00.000000Z" };

let server: FakeChat;
let chat: Chat;

const nothing = { get: () => null, set: () => undefined, remove: () => undefined, keys: () => [] };
const listed = () => chat.conversations.find(ROOM)?.summary;
const title = () => titleOf(listed() ?? conversation(0) as never);

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeChat();
  server.write(sent(1));
  const presence = () => Promise.resolve({ presence: [{ user_id: ben.id, online: true, last_seen: null }] });
  const api = Object.assign(server.api, { presence });
  chat = new Chat(ann, api, {} as unknown as AuthApi, new OutboxShelf(nothing, ann.id, undefined));
  chat.connected();
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  chat.stop();
  vi.useRealTimers();
});

describe("somebody's change", () => {
  it("shows in the list, the header and the timeline at once", () => {
    expect(title()).toBe("Ben");
    chat.event("user.changed", { user: RENAMED });
    expect(title()).toBe("Benjamin");
    expect(listed()?.members.map((user) => user.name)).toEqual(["Ann", "Benjamin"]);
    expect(chat.people.getSnapshot().get(ben.id)?.name).toBe("Benjamin");
  });

  it("is not undone by a list that was read before", async () => {
    server.before = (path) => {
      server.before = () => Promise.resolve();
      if (path === "conversations") chat.event("user.changed", { user: RENAMED });
      return Promise.resolve();
    };
    chat.refresh();
    await vi.advanceTimersByTimeAsync(0);
    expect(title()).toBe("Benjamin");
    expect(chat.people.getSnapshot().get(ben.id)?.name).toBe("Benjamin");
  });

  it("of our own name shows too, on every device", () => {
    chat.event("user.changed", { user: { ...ann, name: "Ann Lee" } });
    expect(chat.people.getSnapshot().get(ann.id)?.name).toBe("Ann Lee");
    expect(title()).toBe("Ben");
  });

  it("leaves those alone whom it does not concern", () => {
    const before = listed();
    chat.event("user.changed", { user: { ...cho, name: "Cho Park" } });
    expect(listed()).toBe(before);
  });

  it("who was deleted shows as such, and as gone", () => {
    expect(chat.presence.getSnapshot().get(ben.id)?.online).toBe(true);
    chat.event("user.changed", { user: DELETED });
    expect(title()).toBe("Deleted user");
    expect(listed()?.peer?.deleted_at).toBe(DELETED.deleted_at);
    expect(chat.presence.getSnapshot().get(ben.id)).toEqual({ user_id: ben.id, online: false, last_seen: null });
  });
});
