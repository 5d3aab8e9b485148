import type { History, Message } from "../api/types";
import { Store } from "../lib/store";

export const PAGE_SIZE = 50;

export interface TimelineState {
  status: "loading" | "ready" | "failed";
  /** Ascending by `seq`, a contiguous stretch that ends at the newest. */
  messages: readonly Message[];
  hasMore: boolean;
  older: "idle" | "loading" | "failed";
}

type FetchPage = (before: number | null) => Promise<History>;

/** The loaded stretch of one conversation's messages. Any source may be merged in any order, any number of times. */
export class Timeline extends Store<TimelineState> {
  readonly #fetchPage: FetchPage;
  #messages = new Map<string, Message>();
  #loading: Promise<number> | null = null;

  constructor(fetchPage: FetchPage) {
    super({ status: "loading", messages: [], hasMore: false, older: "idle" });
    this.#fetchPage = fetchPage;
  }

  /** Loads the newest page unless it is there; answers the log position of what was read. */
  load(): Promise<number> {
    this.#loading ??= this.#loadNewest(false).finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** Reads the newest page and forgets everything else, for a gap too wide to fill. */
  reload(): Promise<number> {
    return this.#loadNewest(true);
  }

  async loadOlder(): Promise<void> {
    const state = this.getSnapshot();
    const first = state.messages[0];
    if (state.status !== "ready" || !state.hasMore || state.older === "loading" || first === undefined) return;
    this.set({ ...state, older: "loading" });
    try {
      const page = await this.#fetchPage(first.seq);
      // A reload meanwhile has moved the window: this page no longer touches it.
      const touches = this.getSnapshot().messages[0]?.seq === first.seq;
      if (touches) for (const message of page.messages) this.#keep(message);
      this.#publish(touches ? { older: "idle", hasMore: page.has_more } : { older: "idle" });
    } catch {
      this.#publish({ older: "failed" });
    }
  }

  /** Takes a message in unless something newer of it is held or it lies before the loaded stretch. */
  merge(message: Message): void {
    const { messages, hasMore, status } = this.getSnapshot();
    const first = messages[0];
    const known = this.#messages.has(message.id);
    if (!known && status === "ready" && hasMore && first !== undefined && message.seq < first.seq) return;
    if (this.#keep(message)) this.#publish({});
  }

  async #loadNewest(replace: boolean): Promise<number> {
    try {
      const page = await this.#fetchPage(null);
      const oldest = page.messages[0]?.seq ?? 0;
      if (replace) for (const [id, held] of this.#messages) if (held.seq <= page.last_seq) this.#messages.delete(id);
      // What events brought while the page was on its way may only continue it, never precede it.
      for (const [id, held] of this.#messages) if (held.seq < oldest) this.#messages.delete(id);
      for (const message of page.messages) this.#keep(message);
      this.#publish({ status: "ready", hasMore: page.has_more, older: "idle" });
      return page.last_seq;
    } catch (error) {
      if (this.getSnapshot().status !== "ready") this.#publish({ status: "failed" });
      throw error;
    }
  }

  #keep(message: Message): boolean {
    const held = this.#messages.get(message.id);
    if (held !== undefined && message.changed_seq < held.changed_seq) return false;
    this.#messages.set(message.id, message);
    return true;
  }

  #publish(change: Partial<TimelineState>): void {
    const messages = [...this.#messages.values()].sort((a, b) => a.seq - b.seq);
    this.set({ ...this.getSnapshot(), ...change, messages });
  }
}
