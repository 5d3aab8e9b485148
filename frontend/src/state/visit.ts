import type { History, Message } from "../api/types";
import { Stretch, type FetchNotes, type FetchPage } from "./stretch";

/** The page of messages above `after`. */
export type FetchNewer = (after: number) => Promise<History>;

/** The stretch around a message that lies far from the newest; it grows at both ends. */
export class Visit extends Stretch {
  readonly #seq: number;
  readonly #fetchNewer: FetchNewer;

  constructor(seq: number, fetchPage: FetchPage, fetchNewer: FetchNewer, fetchNotes: FetchNotes | null = null) {
    super(fetchPage, fetchNotes, "idle");
    this.#seq = seq;
    this.#fetchNewer = fetchNewer;
  }

  /** Reads the message and those around it, and forgets everything else. */
  load(): Promise<void> {
    return this.read(
      () => Promise.all([this.fetchPage(this.#seq + 1), this.#fetchNewer(this.#seq)]),
      ([older, newer]) => {
        this.held.clear();
        this.take([...older.messages, ...newer.messages]);
        this.publish({ status: "ready", hasMore: older.has_more, older: "idle", newer: "idle" });
        this.readNotes(older, newer.messages.at(-1)?.seq ?? this.#seq);
      },
    );
  }

  async loadNewer(): Promise<void> {
    const state = this.getSnapshot();
    const last = state.messages.at(-1);
    if (state.status !== "ready" || state.newer === "loading" || last === undefined) return;
    this.set({ ...state, newer: "loading" });
    try {
      await this.read(
        () => this.#fetchNewer(last.seq),
        (page) => {
          const touches = this.getSnapshot().messages.at(-1)?.seq === last.seq;
          if (touches) this.take(page.messages);
          this.publish({ newer: "idle" });
          if (touches) this.askForNotes(last.seq, page.messages.at(-1)?.seq ?? last.seq);
        },
      );
    } catch {
      this.publish({ newer: "failed" });
    }
  }

  /** Whatever is new comes after the timeline's end, which is not here. */
  protected belongs(message: Message): boolean {
    return this.has(message.id);
  }
}
