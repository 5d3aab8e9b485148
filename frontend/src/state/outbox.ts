import type { Draft, Target } from "../api/chat";
import { ApiError, inWords, isStatus, isTransient } from "../api/errors";
import type { Message } from "../api/types";
import { backoffMs } from "../lib/backoff";
import { deferred } from "../lib/deferred";
import { newId } from "../lib/ids";
import { Store } from "../lib/store";
import type { OutboxShelf } from "./outbox-shelf";

/** After that many server errors in a row the person decides; without a network it goes on for ever. */
const SERVER_ERRORS = 6;

export interface Unsent extends Draft {
  /** Messages of one lane go out one after the other, in the order they were written. */
  lane: string;
  createdAt: string;
  /** The tab that sends it. */
  owner: string;
  state: { kind: "sending" } | { kind: "waiting"; tooFast?: boolean } | { kind: "failed"; reason: string };
}

export interface OutboxPorts {
  send(draft: Draft): Promise<Message>;
  /** The server has it. Resolves once it is shown, so that the unsent row may go. */
  sent(message: Message, unsent: Unsent): Promise<void>;
  shelf: OutboxShelf;
}

/** Messages on their way. An id is made once, so sending again is always safe. */
export class Outbox extends Store<readonly Unsent[]> {
  readonly #ports: OutboxPorts;
  readonly #running = new Set<string>();
  readonly #stopping = deferred();
  #wake = deferred();
  #stopped = false;

  constructor(ports: OutboxPorts) {
    super([]);
    this.#ports = ports;
  }

  /** Takes over what an earlier page left unsent. */
  async restore(): Promise<void> {
    const orphans = await this.#ports.shelf.takeOrphans();
    // Only now: another call may have taken them meanwhile, and none may stand here twice.
    const known = new Set(this.getSnapshot().map((unsent) => unsent.id));
    const left = orphans.filter((unsent) => !known.has(unsent.id));
    this.set([...left, ...this.getSnapshot()].sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1)));
    for (const lane of new Set(left.map((unsent) => unsent.lane))) void this.#run(lane);
  }

  add(lane: string, target: Target, content: string, replyTo: string | null = null): void {
    const { owner } = this.#ports.shelf;
    const unsent: Unsent = { id: newId(), lane, target, content, replyTo, owner, createdAt: new Date().toISOString(), state: { kind: "sending" } };
    this.#ports.shelf.put(unsent);
    this.set([...this.getSnapshot(), unsent]);
    void this.#run(lane);
  }

  retry(id: string): void {
    const unsent = this.getSnapshot().find((candidate) => candidate.id === id);
    if (unsent === undefined) return;
    this.#change(id, { kind: "sending" });
    this.wake();
    void this.#run(unsent.lane);
  }

  discard(id: string): void {
    this.#ports.shelf.remove(id);
    this.set(this.getSnapshot().filter((unsent) => unsent.id !== id));
  }

  /** The network may be back: whoever waits tries at once. */
  wake(): void {
    this.#wake.resolve();
    this.#wake = deferred();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopping.resolve();
    this.wake();
    this.#ports.shelf.release();
  }

  async #run(lane: string): Promise<void> {
    if (this.#running.has(lane)) return;
    this.#running.add(lane);
    try {
      let failures = 0;
      for (let next = this.#next(lane); next !== undefined; next = this.#next(lane)) {
        failures = (await this.#attempt(next, failures)) ? 0 : failures + 1;
      }
    } finally {
      this.#running.delete(lane);
    }
  }

  #next(lane: string): Unsent | undefined {
    if (this.#stopped) return undefined;
    return this.getSnapshot().find((unsent) => unsent.lane === lane && unsent.state.kind !== "failed");
  }

  async #attempt(unsent: Unsent, failures: number): Promise<boolean> {
    const { id, content, target, replyTo } = unsent;
    try {
      const message = await this.#ports.send({ id, content, target, replyTo });
      this.#ports.shelf.remove(id);
      // First the message, then the row away: so no frame is without it.
      await this.#ports.sent(message, unsent).catch(() => undefined);
      this.discard(id);
      return true;
    } catch (error) {
      const serverFault = error instanceof ApiError && error.status >= 500;
      if (!isTransient(error) || (serverFault && failures + 1 >= SERVER_ERRORS)) {
        this.#change(id, { kind: "failed", reason: inWords(error) });
        return true;
      }
      const tooFast = isStatus(error, 429);
      this.#change(id, { kind: "waiting", tooFast });
      const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
      // A limit says when it opens again: earlier is in vain, also on a new connection, and later is waste.
      if (tooFast && asked > 0) await this.#pause(asked, this.#stopping.promise);
      else await this.#pause(Math.max(asked, backoffMs(failures)), this.#wake.promise);
      return tooFast;
    }
  }

  async #pause(ms: number, cut: Promise<void>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([passed, cut]);
    clearTimeout(timer);
  }

  #change(id: string, state: Unsent["state"]): void {
    const next = this.getSnapshot().map((unsent) => (unsent.id === id ? { ...unsent, state } : unsent));
    for (const unsent of next) if (unsent.id === id) this.#ports.shelf.put(unsent);
    this.set(next);
  }
}
