import type { Message } from "../api/types";
import { Stretch, type FetchNotes, type FetchPage } from "./stretch";

/** The stretch of one conversation's messages that ends at the newest. */
export class Timeline extends Stretch {
  #loading: Promise<number> | null = null;

  constructor(fetchPage: FetchPage, fetchNotes: FetchNotes | null = null) {
    super(fetchPage, fetchNotes, "none");
  }

  /** Loads the newest page unless it is on its way; answers the log position of what was read. */
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

  /** Grows by another stretch that reaches into this one. Answers whether it does. */
  join(other: Stretch): boolean {
    const { status, messages } = this.getSnapshot();
    const { messages: others, notes, hasMore } = other.getSnapshot();
    const [first, last] = [messages[0], others.at(-1)];
    if (status !== "ready" || first === undefined || last === undefined || last.seq < first.seq) return false;
    const older = (others[0]?.seq ?? first.seq) < first.seq;
    this.take(others);
    this.publish(older ? { hasMore } : {});
    this.note(...notes);
    return true;
  }

  protected belongs(message: Message): boolean {
    const { messages, hasMore, status } = this.getSnapshot();
    const first = messages[0];
    return this.has(message.id) || status !== "ready" || !hasMore || first === undefined || message.seq > first.seq;
  }

  async #loadNewest(replace: boolean): Promise<number> {
    try {
      const page = await this.fetchPage(null);
      const oldest = page.messages[0]?.seq ?? 0;
      if (replace) for (const [id, held] of this.held) if (held.seq <= page.last_seq) this.held.delete(id);
      // What events brought while the page was on its way may only continue it, never precede it.
      for (const [id, held] of this.held) if (held.seq < oldest) this.held.delete(id);
      this.take(page.messages);
      this.publish({ status: "ready", hasMore: page.has_more, older: "idle" });
      this.readNotes(page, page.last_seq);
      return page.last_seq;
    } catch (error) {
      if (this.getSnapshot().status !== "ready") this.publish({ status: "failed" });
      throw error;
    }
  }
}
