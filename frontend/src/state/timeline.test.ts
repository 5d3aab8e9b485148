import { describe, expect, it } from "vitest";
import { FakeChat } from "../testing/server";
import { deleted, edited, message, sent } from "../testing/shapes";
import { Timeline } from "./timeline";

function serverWith(count: number): FakeChat {
  const server = new FakeChat();
  for (let seq = 1; seq <= count; seq += 1) server.write(sent(seq));
  return server;
}

function timelineOf(server: FakeChat, size = 5): Timeline {
  return new Timeline((before) => server.api.history("", before, size));
}

const seqs = (timeline: Timeline): number[] => timeline.getSnapshot().messages.map((one) => one.seq);

describe("a timeline", () => {
  it("loads the newest page, then older ones, without a gap", async () => {
    const timeline = timelineOf(serverWith(12));
    expect(await timeline.load()).toBe(12);
    expect(seqs(timeline)).toEqual([8, 9, 10, 11, 12]);
    await timeline.loadOlder();
    await timeline.loadOlder();
    expect(seqs(timeline)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(timeline.getSnapshot().hasMore).toBe(false);
  });

  it("asks for one older page at a time", async () => {
    const server = serverWith(12);
    const timeline = timelineOf(server);
    await timeline.load();
    await Promise.all([timeline.loadOlder(), timeline.loadOlder()]);
    expect(server.asked).toEqual(["history newest", "history 8"]);
  });

  it("keeps what events bring while the first page is on its way", async () => {
    const server = serverWith(3);
    const timeline = timelineOf(server);
    const loading = timeline.load();
    timeline.merge(message(4));
    await loading;
    expect(seqs(timeline)).toEqual([1, 2, 3, 4]);
  });

  it("never goes back to an older state of a message", async () => {
    const server = serverWith(1);
    const timeline = timelineOf(server);
    await timeline.load();
    timeline.merge(message(1, { content: "second", changed_seq: 3 }));
    timeline.merge(message(1, { content: "first", changed_seq: 2 }));
    expect(timeline.getSnapshot().messages[0]?.content).toBe("second");
  });

  it("shows edits and tombstones in place", async () => {
    const server = serverWith(3);
    const timeline = timelineOf(server);
    await timeline.load();
    for (const event of [edited(2, 4, "changed"), deleted(1, 5)]) if ("message" in event.data) timeline.merge(event.data.message);
    expect(timeline.getSnapshot().messages.map((one) => one.content)).toEqual([null, "changed", "words 3"]);
  });

  it("does not show a changed message that lies before what is loaded", async () => {
    const timeline = timelineOf(serverWith(12));
    await timeline.load();
    timeline.merge(message(2, { changed_seq: 13 }));
    expect(seqs(timeline)).toEqual([8, 9, 10, 11, 12]);
  });

  it("forgets the old stretch on reload, so that no hole stays inside", async () => {
    const server = serverWith(6);
    const timeline = timelineOf(server);
    await timeline.load();
    for (let seq = 7; seq <= 30; seq += 1) server.write(sent(seq));
    await timeline.reload();
    expect(seqs(timeline)).toEqual([26, 27, 28, 29, 30]);
    expect(timeline.getSnapshot().hasMore).toBe(true);
  });

  it("can be loaded again after a failure", async () => {
    const server = serverWith(2);
    const timeline = timelineOf(server);
    server.before = () => Promise.reject(new Error("down"));
    await expect(timeline.load()).rejects.toThrow("down");
    expect(timeline.getSnapshot().status).toBe("failed");
    server.before = () => Promise.resolve();
    await timeline.load();
    expect(seqs(timeline)).toEqual([1, 2]);
  });

  it("keeps its place when an older page fails", async () => {
    const server = serverWith(12);
    const timeline = timelineOf(server);
    await timeline.load();
    server.before = () => Promise.reject(new Error("down"));
    await timeline.loadOlder();
    expect(timeline.getSnapshot()).toMatchObject({ older: "failed", status: "ready", hasMore: true });
  });
});
