import { isStatus } from "../api/errors";
import type { Message } from "../api/types";
import { Store } from "../lib/store";
import type { Timeline } from "./timeline";
import type { Visit } from "./visit";

export interface PlaceState {
  /** What is read instead of the timeline, while that does not reach so far back. */
  visit: Visit | null;
  /** The message that was asked for last; a new object each time. */
  target: { id: string } | null;
}

export interface PlacePorts {
  conversationId: string;
  timeline: Timeline;
  /** Resolves once the timeline has its first page. */
  ready(): Promise<unknown>;
  message(id: string): Promise<Message>;
  visit(seq: number): Visit;
}

/** Where in a conversation's history somebody is: at its end, or around a message they asked for. */
export class Place extends Store<PlaceState> {
  readonly timeline: Timeline;
  readonly #ports: PlacePorts;
  #asked = 0;
  #coming: Visit | null = null;

  constructor(ports: PlacePorts) {
    super({ visit: null, target: null });
    this.timeline = ports.timeline;
    this.#ports = ports;
  }

  /** Goes to a message. Answers whether it is there; rejects when that can't be learnt now. */
  async go(id: string): Promise<boolean> {
    const asked = ++this.#asked;
    await this.#ports.ready();
    let { visit } = this.getSnapshot();
    if (this.timeline.has(id)) visit = null;
    else if (visit?.has(id) !== true) {
      const message = await this.#find(id);
      if (message === null) return false;
      visit = this.#coming = this.#ports.visit(message.seq);
      await visit.load();
      if (!visit.has(id)) return false;
    }
    if (asked !== this.#asked) return true;
    this.#coming = null;
    this.set({ visit: visit !== null && this.timeline.join(visit) ? null : visit, target: { id } });
    return true;
  }

  /** Back to the newest. */
  leave(): void {
    this.#asked += 1;
    this.#coming = null;
    this.set({ visit: null, target: null });
  }

  /** More of what follows, until the timeline's own beginning is reached. */
  async loadNewer(): Promise<void> {
    const { visit } = this.getSnapshot();
    if (visit === null) return;
    await visit.loadNewer();
    if (this.getSnapshot().visit === visit && this.timeline.join(visit)) this.set({ ...this.getSnapshot(), visit: null });
  }

  merge(message: Message): void {
    this.#coming?.merge(message);
    this.getSnapshot().visit?.merge(message);
  }

  /** Reads again what may have changed unheard. */
  async reload(): Promise<void> {
    await this.getSnapshot().visit?.load();
  }

  async #find(id: string): Promise<Message | null> {
    try {
      const message = await this.#ports.message(id);
      return message.conversation_id === this.#ports.conversationId ? message : null;
    } catch (error) {
      // 422: not even an id.
      if (isStatus(error, 404) || isStatus(error, 422)) return null;
      throw error;
    }
  }
}
