import type { Changes, LogEvent } from "../api/types";
import { backoffMs } from "../lib/backoff";

export const HOLD_MS = 500;
const HELD_LIMIT = 1_000;

export interface LogPorts {
  /** Applies one event; called in `seq` order, without gaps. */
  apply(event: LogEvent): void;
  /** Asks for the changes after a position. */
  fetchChanges(after: number): Promise<Changes>;
  /** Reloads everything because the gap is too wide; answers the position that is current then. */
  reload(): Promise<number>;
  /** How long to wait more before asking, so that a group does not ask all at once. */
  spreadMs(): number;
}

/**
 * One conversation's place in its log. Whatever the socket loses, repeats or reorders, events come out
 * once and in order: the next one is applied, a known one dropped, and those above a hole are held until
 * the hole fills or, half a second later, the changes are asked for.
 */
export class EventLog {
  #position: number;
  #held = new Map<number, LogEvent>();
  #paused = false;
  #target = 0;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | null = null;
  readonly #ports: LogPorts;

  constructor(position: number, ports: LogPorts) {
    this.#position = position;
    this.#ports = ports;
  }

  get position(): number {
    return this.#position;
  }

  receive(event: LogEvent): void {
    if (event.seq <= this.#position) return;
    this.#held.set(event.seq, event);
    if (this.#held.size > HELD_LIMIT) this.#held.clear();
    this.#target = Math.max(this.#target, event.seq);
    this.#drain();
  }

  /** The truth is at least at `seq`: if its events do not come by themselves, they are asked for. */
  expect(seq: number): void {
    this.#target = Math.max(this.#target, seq);
    this.#drain();
  }

  /** A snapshot taken at `seq` has been adopted: everything up to it is known. */
  jump(seq: number): void {
    this.#position = Math.max(this.#position, seq);
    this.#drain();
  }

  /** Holds what arrives until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#disarm();
  }

  resume(): void {
    this.#paused = false;
    this.#drain();
  }

  /** Asks for the changes now, up to `seq`. Rejects when they cannot be had; it is tried again later then. */
  catchUp(seq: number): Promise<void> {
    this.#target = Math.max(this.#target, seq);
    this.#running ??= this.#fill().finally(() => {
      this.#running = null;
      this.#drain();
    });
    return this.#running;
  }

  stop(): void {
    this.#paused = true;
    this.#held.clear();
    this.#disarm();
  }

  async #fill(): Promise<void> {
    this.#disarm();
    try {
      while (this.#position < this.#target) {
        const changes = await this.#ports.fetchChanges(this.#position);
        if (changes.reset) {
          this.#position = Math.max(this.#position, await this.#ports.reload());
          this.#target = Math.max(this.#position, ...this.#held.keys());
        } else {
          const before = this.#position;
          for (const event of changes.events) this.#take(event);
          // The server knows its own end; a target above it was a mistake and must not loop.
          if (this.#position >= changes.last_seq || this.#position === before) this.#target = this.#position;
        }
      }
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      throw error;
    }
  }

  #take(event: LogEvent): void {
    if (event.seq !== this.#position + 1) return;
    this.#position = event.seq;
    this.#ports.apply(event);
  }

  #drain(): void {
    if (this.#paused || this.#running !== null) return;
    for (const seq of this.#held.keys()) if (seq <= this.#position) this.#held.delete(seq);
    for (let next = this.#held.get(this.#position + 1); next; next = this.#held.get(this.#position + 1)) {
      this.#held.delete(next.seq);
      this.#take(next);
    }
    if (this.#position >= this.#target) this.#disarm();
    else this.#arm();
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    const wait = this.#failures === 0 ? HOLD_MS + this.#ports.spreadMs() : backoffMs(this.#failures + 1);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // A failure re-arms the timer with a longer wait; the reason shows as the connection's state.
      this.catchUp(this.#target).catch(() => undefined);
    }, wait);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
