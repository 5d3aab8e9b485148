import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NoAnswer } from "../api/errors";
import type { LogEvent } from "../api/types";
import { FakeChat } from "../testing/server";
import { edited, sent } from "../testing/shapes";
import { EventLog, HOLD_MS } from "./event-log";

let server: FakeChat;
let applied: number[];
let log: EventLog;
let reloads: number;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeChat();
  applied = [];
  reloads = 0;
  log = new EventLog(0, {
    apply: (event: LogEvent) => applied.push(event.seq),
    fetchChanges: (after) => server.api.changes("", after),
    reload: () => {
      reloads += 1;
      return Promise.resolve(server.lastSeq);
    },
    spreadMs: () => 0,
  });
});

afterEach(() => vi.useRealTimers());

describe("an event log", () => {
  it("applies the next event at once", () => {
    log.receive(sent(1));
    log.receive(sent(2));
    expect(applied).toEqual([1, 2]);
  });

  it("drops what it knows", () => {
    for (const event of [sent(1), sent(2), sent(1), sent(2)]) log.receive(event);
    expect(applied).toEqual([1, 2]);
  });

  it("holds what lies above a hole and orders it once the hole fills by itself", async () => {
    for (const seq of [3, 2, 4]) log.receive(sent(seq));
    expect(applied).toEqual([]);
    log.receive(sent(1));
    expect(applied).toEqual([1, 2, 3, 4]);
    await vi.advanceTimersByTimeAsync(HOLD_MS * 4);
    expect(server.asked).toEqual([]);
  });

  it("asks for the changes when the hole stays open, but not before half a second", async () => {
    server.write(sent(1), sent(2), sent(3));
    log.receive(sent(3));
    await vi.advanceTimersByTimeAsync(HOLD_MS - 1);
    expect(server.asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(server.asked).toEqual(["changes 0"]);
    expect(applied).toEqual([1, 2, 3]);
  });

  it("pages through many changes", async () => {
    for (let seq = 1; seq <= 10; seq += 1) server.write(sent(seq));
    await log.catchUp(10);
    expect(applied).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(server.asked).toHaveLength(4);
  });

  it("holds events that arrive while it catches up, and applies them after", async () => {
    server.write(sent(1), sent(2));
    server.before = () => {
      server.before = () => Promise.resolve();
      log.receive(sent(4));
      log.receive(sent(3));
      return Promise.resolve();
    };
    await log.catchUp(2);
    expect(applied).toEqual([1, 2, 3, 4]);
  });

  it("holds everything while paused", () => {
    log.pause();
    log.receive(sent(1));
    expect(applied).toEqual([]);
    log.resume();
    expect(applied).toEqual([1]);
  });

  it("reloads once when it is too far behind", async () => {
    server.resetAfter = 2;
    server.write(sent(1), sent(2), sent(3));
    await log.catchUp(3);
    expect(reloads).toBe(1);
    expect(log.position).toBe(3);
    log.receive(sent(4));
    expect(applied).toEqual([4]);
  });

  it("tries again later when the changes can't be had", async () => {
    let fails = 2;
    server.before = () => (fails-- > 0 ? Promise.reject(new NoAnswer(null)) : Promise.resolve());
    server.write(sent(1), edited(1, 2, "better"));
    log.receive(edited(1, 2, "better"));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(applied).toEqual([1, 2]);
  });

  it("does not chase a position the server does not have", async () => {
    server.write(sent(1));
    log.expect(99);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(applied).toEqual([1]);
    expect(server.asked.length).toBeLessThan(3);
  });

  it("asks no more once stopped", async () => {
    log.receive(sent(2));
    log.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.asked).toEqual([]);
  });

  it("survives any order, repetition and loss", async () => {
    for (let seq = 1; seq <= 60; seq += 1) server.write(sent(seq));
    let state = 7;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const arriving = server.log.flatMap((event) => (random() < 0.2 ? [] : random() < 0.3 ? [event, event] : [event]));
    arriving.sort(() => random() - 0.5);
    for (const event of arriving) log.receive(event);
    log.expect(60);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(applied).toEqual(server.log.map((event) => event.seq));
  });
});
