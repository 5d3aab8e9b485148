import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Draft } from "../api/chat";
import { ApiError, NoAnswer } from "../api/errors";
import { memoryStorage, type KeyValues } from "../lib/storage";
import { message, ROOM } from "../testing/shapes";
import { Outbox } from "./outbox";
import { OutboxShelf } from "./outbox-shelf";

const LANE = "user:ben";
const target = { conversation_id: ROOM };
let storage: KeyValues;
let arrived: Draft[];
let answer: (draft: Draft) => Promise<void>;

function makeOutbox(): Outbox {
  return new Outbox({
    shelf: new OutboxShelf(storage, "ann", undefined),
    send: async (draft) => {
      await answer(draft);
      arrived.push(draft);
      return message(arrived.length, { id: draft.id });
    },
    sent: () => Promise.resolve(),
  });
}

const states = (outbox: Outbox): string[] => outbox.getSnapshot().map((unsent) => unsent.state.kind);
const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("navigator", { onLine: true });
  storage = memoryStorage();
  arrived = [];
  answer = () => Promise.resolve();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("an outbox", () => {
  it("sends, and forgets what was sent", async () => {
    const outbox = makeOutbox();
    outbox.add(LANE, target, "hello");
    expect(states(outbox)).toEqual(["sending"]);
    await settle();
    expect(arrived.map((draft) => draft.content)).toEqual(["hello"]);
    expect(outbox.getSnapshot()).toEqual([]);
    expect(storage.keys("")).toEqual([]);
  });

  it("keeps the order of a lane through failures, with the same ids", async () => {
    const tried: string[] = [];
    let fails = 3;
    answer = (draft) => {
      tried.push(draft.id);
      return fails-- > 0 ? Promise.reject(new NoAnswer(null)) : Promise.resolve();
    };
    const outbox = makeOutbox();
    for (const content of ["one", "two", "three"]) outbox.add(LANE, target, content);
    await settle(60_000);
    expect(arrived.map((draft) => draft.content)).toEqual(["one", "two", "three"]);
    expect(new Set(tried.slice(0, 4)).size).toBe(1);
  });

  it("lets one lane wait without holding up another", async () => {
    answer = (draft) => (draft.content === "stuck" ? Promise.reject(new NoAnswer(null)) : Promise.resolve());
    const outbox = makeOutbox();
    outbox.add("user:ben", target, "stuck");
    outbox.add("user:cho", target, "free");
    await settle(100);
    expect(arrived.map((draft) => draft.content)).toEqual(["free"]);
    expect(states(outbox)).toEqual(["waiting"]);
  });

  it("never gives up for want of a network, and hurries when it is back", async () => {
    let online = false;
    answer = () => (online ? Promise.resolve() : Promise.reject(new NoAnswer(null)));
    const outbox = makeOutbox();
    outbox.add(LANE, target, "patience");
    await settle(3_600_000);
    expect(states(outbox)).toEqual(["waiting"]);
    online = true;
    outbox.wake();
    await settle();
    expect(arrived).toHaveLength(1);
  });

  it("waits as long as the server asks", async () => {
    let refused = false;
    answer = () => {
      if (refused) return Promise.resolve();
      refused = true;
      return Promise.reject(new ApiError(503, "unavailable", "Later.", 7));
    };
    const outbox = makeOutbox();
    outbox.add(LANE, target, "later");
    await settle(6_900);
    expect(arrived).toEqual([]);
    await settle(200);
    expect(arrived).toHaveLength(1);
  });

  it("shows a refusal and goes on with the next; retry sends the same id again", async () => {
    let refuse = true;
    answer = (draft) => (refuse && draft.content === "bad" ? Promise.reject(new ApiError(422, "malformed", "Not like that.")) : Promise.resolve());
    const outbox = makeOutbox();
    outbox.add(LANE, target, "bad");
    outbox.add(LANE, target, "good");
    await settle();
    expect(arrived.map((draft) => draft.content)).toEqual(["good"]);
    const failed = outbox.getSnapshot()[0];
    expect(failed?.state).toEqual({ kind: "failed", reason: "Not like that." });
    refuse = false;
    outbox.retry(failed?.id ?? "");
    await settle();
    expect(arrived[1]?.id).toBe(failed?.id);
    expect(outbox.getSnapshot()).toEqual([]);
  });

  it("leaves the decision to the person after many server errors", async () => {
    answer = () => Promise.reject(new ApiError(500, "internal_error", "Oops."));
    const outbox = makeOutbox();
    outbox.add(LANE, target, "hm");
    await settle(120_000);
    expect(states(outbox)).toEqual(["failed"]);
  });

  it("sends after a reload what the earlier page left", async () => {
    answer = () => Promise.reject(new NoAnswer(null));
    const before = makeOutbox();
    before.add(LANE, target, "one");
    before.add(LANE, target, "two");
    await settle();
    const ids = before.getSnapshot().map((unsent) => unsent.id);
    before.stop();
    answer = () => Promise.resolve();
    const after = makeOutbox();
    await after.restore();
    await settle();
    expect(arrived.map((draft) => draft.id)).toEqual(ids);
  });

  it("takes over once what is restored twice at a time", async () => {
    answer = () => Promise.reject(new NoAnswer(null));
    const before = makeOutbox();
    before.add(LANE, target, "one");
    before.stop();
    const after = makeOutbox();
    await Promise.all([after.restore(), after.restore()]);
    expect(after.getSnapshot().map((unsent) => unsent.content)).toEqual(["one"]);
  });

  it("waits out a limit as long as it says, in order, and never gives up over it", async () => {
    const tried: number[] = [];
    let refusals = 8;
    answer = () => {
      tried.push(Date.now());
      return refusals-- > 0 ? Promise.reject(new ApiError(429, "too_many_requests", "Slowly.", 3)) : Promise.resolve();
    };
    const outbox = makeOutbox();
    for (const content of ["one", "two", "three"]) outbox.add(LANE, target, content);
    await settle();
    expect(outbox.getSnapshot()[0]?.state).toEqual({ kind: "waiting", tooFast: true });
    outbox.wake();
    await settle(8 * 3_000);
    expect(arrived.map((draft) => draft.content)).toEqual(["one", "two", "three"]);
    const waits = tried.slice(1, 9).map((at, index) => at - (tried[index] ?? 0));
    expect(waits).toEqual(Array<number>(8).fill(3_000));
  });

  it("leaves alone what another living tab is sending", async () => {
    const held: { name: string }[] = [];
    const locks = {
      request: (name: string, hold: () => Promise<void>) => {
        held.push({ name });
        return hold();
      },
      query: () => Promise.resolve({ held }),
    } as unknown as LockManager;
    const theirs = new OutboxShelf(storage, "ann", locks);
    theirs.put({ id: "1", content: "x", target, replyTo: null, lane: LANE, createdAt: "", owner: theirs.owner, state: { kind: "sending" } });
    const ours = new OutboxShelf(storage, "ann", locks);
    expect(await ours.takeOrphans()).toEqual([]);
    held.length = 0;
    expect((await ours.takeOrphans()).map((unsent) => unsent.owner)).toEqual([ours.owner]);
  });

  it("forgets what is discarded", async () => {
    answer = () => Promise.reject(new ApiError(403, "not_allowed", "No."));
    const outbox = makeOutbox();
    outbox.add(LANE, target, "never mind");
    await settle();
    outbox.discard(outbox.getSnapshot()[0]?.id ?? "");
    expect(outbox.getSnapshot()).toEqual([]);
    expect(storage.keys("")).toEqual([]);
  });
});
