import type { History, Message } from "../api/types";
import { Store } from "../lib/store";
import type { Note } from "./notes";

export const PAGE_SIZE = 50;

export interface StretchState {
  status: "loading" | "ready" | "failed";
  /** Ascending by `seq`, without a hole. */
  messages: readonly Message[];
  /** What happened among them, ascending by `seq`. */
  notes: readonly Note[];
  hasMore: boolean;
  older: "idle" | "loading" | "failed";
  /** What follows the last one: "none" where nothing can, because the stretch ends at the newest. */
  newer: "none" | "idle" | "loading" | "failed";
}

/** The page of messages below `before`; the newest one without it. */
export type FetchPage = (before: number | null) => Promise<History>;
/** The notes of the log above `after`, up to and with `upTo`. */
export type FetchNotes = (after: number, upTo: number) => Promise<readonly Note[]>;

/** Some of one conversation's messages, next to one another. Any source may be merged in any order, any number of times. */
export abstract class Stretch extends Store<StretchState> {
  protected readonly fetchPage: FetchPage;
  protected readonly held = new Map<string, Message>();
  readonly #fetchNotes: FetchNotes | null;
  readonly #notes = new Map<number, Note>();
  readonly #meanwhile = new Map<string, Message>();
  #reads = 0;

  constructor(fetchPage: FetchPage, fetchNotes: FetchNotes | null, newer: "none" | "idle") {
    super({ status: "loading", messages: [], notes: [], hasMore: false, older: "idle", newer });
    this.fetchPage = fetchPage;
    this.#fetchNotes = fetchNotes;
  }

  has(id: string): boolean {
    return this.held.has(id);
  }

  async loadOlder(): Promise<void> {
    const state = this.getSnapshot();
    const first = state.messages[0];
    if (state.status !== "ready" || !state.hasMore || state.older === "loading" || first === undefined) return;
    this.set({ ...state, older: "loading" });
    try {
      await this.read(
        () => this.fetchPage(first.seq),
        (page) => {
          // A reload meanwhile has moved the window: this page no longer touches it.
          const touches = this.getSnapshot().messages[0]?.seq === first.seq;
          if (touches) this.take(page.messages);
          this.publish(touches ? { older: "idle", hasMore: page.has_more } : { older: "idle" });
          if (touches) this.readNotes(page, first.seq);
        },
      );
    } catch {
      this.publish({ older: "failed" });
    }
  }

  /** Takes a message in unless something newer of it is held or it lies outside of the stretch. */
  merge(message: Message): void {
    if (!this.belongs(message)) {
      if (this.#reads > 0) this.#meanwhile.set(message.id, message);
    } else if (this.#keep(message)) this.publish({});
  }

  note(...notes: readonly Note[]): void {
    for (const note of notes) this.#notes.set(note.seq, note);
    if (notes.length > 0) this.publish({});
  }

  protected abstract belongs(message: Message): boolean;

  /** Asks for pages. They may show messages as they were before what events bring until then. */
  protected async read<Pages>(ask: () => Promise<Pages>, arrived: (pages: Pages) => void): Promise<void> {
    this.#reads += 1;
    try {
      arrived(await ask());
    } finally {
      this.#reads -= 1;
      if (this.#reads === 0) this.#meanwhile.clear();
    }
  }

  protected take(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#keep(message);
      const later = this.#meanwhile.get(message.id);
      if (later !== undefined) this.#keep(later);
    }
  }

  /** What happened among the messages of a page. Beside them it matters little: without an answer they stand alone. */
  protected readNotes(page: History, upTo: number): void {
    const after = page.has_more ? (page.messages[0]?.seq ?? upTo) : 0;
    this.askForNotes(after, upTo);
  }

  protected askForNotes(after: number, upTo: number): void {
    this.#fetchNotes?.(after, upTo).then(
      (notes) => this.note(...notes),
      () => undefined,
    );
  }

  protected publish(change: Partial<StretchState>): void {
    const messages = [...this.held.values()].sort((a, b) => a.seq - b.seq);
    const next = { ...this.getSnapshot(), ...change, messages };
    const first = next.hasMore ? (messages[0]?.seq ?? 0) : 0;
    const last = next.newer === "none" ? Infinity : (messages.at(-1)?.seq ?? 0);
    // What lies outside of the loaded stretch waits until that is read.
    const notes = [...this.#notes.values()].filter((note) => note.seq > first && note.seq < last).sort((a, b) => a.seq - b.seq);
    this.set({ ...next, notes });
  }

  #keep(message: Message): boolean {
    const held = this.held.get(message.id);
    if (held !== undefined && message.changed_seq < held.changed_seq) return false;
    this.held.set(message.id, message);
    return true;
  }
}
