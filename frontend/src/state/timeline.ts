import type { History, Message } from "../api/types";
import { Store } from "../lib/store";
import type { Note } from "./notes";

export const PAGE_SIZE = 50;

export interface TimelineState {
  status: "loading" | "ready" | "failed";
  /** Ascending by `seq`, a contiguous stretch that ends at the newest. */
  messages: readonly Message[];
  /** What happened among them, ascending by `seq`. */
  notes: readonly Note[];
  hasMore: boolean;
  older: "idle" | "loading" | "failed";
}

type FetchPage = (before: number | null) => Promise<History>;
/** The notes of the log above `after`, up to and with `upTo`. */
type FetchNotes = (after: number, upTo: number) => Promise<readonly Note[]>;

/** The loaded stretch of one conversation's messages. Any source may be merged in any order, any number of times. */
export class Timeline extends Store<TimelineState> {
  readonly #fetchPage: FetchPage;
  readonly #fetchNotes: FetchNotes | null;
  readonly #notes = new Map<number, Note>();
  #messages = new Map<string, Message>();
  #loading: Promise<number> | null = null;

  constructor(fetchPage: FetchPage, fetchNotes: FetchNotes | null = null) {
    super({ status: "loading", messages: [], notes: [], hasMore: false, older: "idle" });
    this.#fetchPage = fetchPage;
    this.#fetchNotes = fetchNotes;
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
      if (touches) this.#readNotes(page, first.seq);
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

  note(...notes: readonly Note[]): void {
    for (const note of notes) this.#notes.set(note.seq, note);
    if (notes.length > 0) this.#publish({});
  }

  /** What happened among the messages of a page. Beside them it matters little: without an answer they stand alone. */
  #readNotes(page: History, upTo: number): void {
    const after = page.has_more ? (page.messages[0]?.seq ?? upTo) : 0;
    this.#fetchNotes?.(after, upTo).then(
      (notes) => this.note(...notes),
      () => undefined,
    );
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
      this.#readNotes(page, page.last_seq);
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
    const next = { ...this.getSnapshot(), ...change, messages };
    const first = next.hasMore ? (messages[0]?.seq ?? 0) : 0;
    // What lies before the loaded stretch waits until that is read.
    const notes = [...this.#notes.values()].filter((note) => note.seq > first).sort((a, b) => a.seq - b.seq);
    this.set({ ...next, notes });
  }
}
