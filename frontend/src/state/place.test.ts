import { describe, expect, it } from "vitest";
import type { History } from "../api/types";
import { deferred } from "../lib/deferred";
import { FakeChat } from "../testing/server";
import { ann, deleted, edited, message, ROOM, sent } from "../testing/shapes";
import { Conversations } from "./conversations";
import type { Conversation } from "./conversation";
import type { Place } from "./place";
import { Visit } from "./visit";

const FIRST = 251;

interface Scene {
  server: FakeChat;
  conversation: Conversation;
  place: Place;
  /** The server writes, and the socket brings it. */
  happen: (...events: ReturnType<typeof sent>[]) => void;
}

/** A conversation of 300 messages, of which the newest page is loaded. */
async function open(): Promise<Scene> {
  const server = new FakeChat();
  for (let seq = 1; seq <= 300; seq += 1) server.write(sent(seq));
  const conversations = new Conversations(server.api, ann.id);
  const { conversation } = conversations.adopt(server.shape());
  const place = conversation.openPlace();
  await place.timeline.load();
  server.asked.length = 0;
  const happen = (...events: ReturnType<typeof sent>[]): void => {
    for (const event of server.write(...events)) conversations.receive(ROOM, event);
  };
  return { server, conversation, place, happen };
}

const seqs = (place: Place): number[] => (place.getSnapshot().visit ?? place.timeline).getSnapshot().messages.map((one) => one.seq);
const upTo = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe("going to a message", () => {
  it("asks for nothing when it is loaded", async () => {
    const { server, place } = await open();
    expect(await place.go("message-260")).toBe(true);
    expect(place.getSnapshot()).toEqual({ visit: null, target: { id: "message-260" } });
    expect(server.asked).toEqual([]);
  });

  it("reads what is around it when it lies far back, and not what is between", async () => {
    const { server, place } = await open();
    expect(await place.go("message-100")).toBe(true);
    expect(seqs(place)).toEqual(upTo(51, 150));
    expect(server.asked).toEqual(["message message-100", "history 101", "history after 100"]);
  });

  it("grows at both ends until it is one with the timeline", async () => {
    const { place } = await open();
    await place.go("message-100");
    await place.getSnapshot().visit?.loadOlder();
    expect(seqs(place)).toEqual(upTo(1, 150));
    await place.loadNewer();
    expect(seqs(place)).toEqual(upTo(1, 200));
    await place.loadNewer();
    await place.loadNewer();
    expect(place.getSnapshot().visit).toBeNull();
    expect(seqs(place)).toEqual(upTo(1, 300));
    expect(place.timeline.getSnapshot().hasMore).toBe(false);
  });

  it("is one with the timeline at once when it lies just before it", async () => {
    const { place } = await open();
    await place.go("message-210");
    expect(place.getSnapshot().visit).toBeNull();
    expect(seqs(place)).toEqual(upTo(161, 300));
    expect(place.timeline.getSnapshot().hasMore).toBe(true);
  });

  it("says so when it is not there, and stays where it was", async () => {
    const { place } = await open();
    expect(await place.go("message-999")).toBe(false);
    expect(place.getSnapshot()).toEqual({ visit: null, target: null });
    expect(seqs(place)).toEqual(upTo(FIRST, 300));
  });

  it("rejects when that can't be learnt, and can be asked again", async () => {
    const { server, place } = await open();
    server.before = () => Promise.reject(new Error("no answer"));
    await expect(place.go("message-100")).rejects.toThrow("no answer");
    server.before = () => Promise.resolve();
    expect(await place.go("message-100")).toBe(true);
  });

  it("does not come back once the newest was wanted", async () => {
    const { place } = await open();
    const going = place.go("message-100");
    place.leave();
    await going;
    expect(place.getSnapshot()).toEqual({ visit: null, target: null });
  });
});

describe("around an older message", () => {
  it("shows changes, and nothing that is new", async () => {
    const { place, happen } = await open();
    await place.go("message-100");
    happen(edited(99, 301, "changed"), deleted(101, 302), sent(303));
    expect(seqs(place)).toEqual(upTo(51, 150));
    const contents = new Map((place.getSnapshot().visit?.getSnapshot().messages ?? []).map((one) => [one.seq, one.content]));
    expect([contents.get(99), contents.get(101)]).toEqual(["changed", null]);
    place.leave();
    expect(seqs(place)).toEqual([...upTo(FIRST, 300), 303]);
  });

  it("has a change that came while its pages were on their way", async () => {
    const page = (...seqs: number[]): History => ({ conversation_id: ROOM, messages: seqs.map((seq) => message(seq)), has_more: true, last_seq: 9 });
    const arrived = deferred();
    const visit = new Visit(2, () => Promise.resolve(page(1, 2)), () => arrived.promise.then(() => page(3)));
    const loading = visit.load();
    visit.merge(message(3, { content: "changed", changed_seq: 10 }));
    arrived.resolve();
    await loading;
    expect(visit.getSnapshot().messages.map((one) => one.content)).toEqual(["words 1", "words 2", "changed"]);
  });
});
