import type { ChatApi } from "../api/chat";
import { isStatus } from "../api/errors";
import type { Conversation as Shape, History, LogEvent } from "../api/types";
import { EventLog } from "./event-log";
import { Members } from "./members";
import { noteOf, type Note } from "./notes";
import { Place } from "./place";
import { PAGE_SIZE, type FetchNotes } from "./stretch";
import { applyToSummary, summaryOf, type Summary } from "./summary";
import { Timeline } from "./timeline";
import { Visit } from "./visit";

const GROUP_SPREAD_MS = 2_000;
const FIRST_MEMBERS = 50;
const NEXT_MEMBERS = 200;

export interface ConversationPorts {
  api: ChatApi;
  me: string;
  /** The summary has changed. */
  changed(): void;
  /** An event has been applied, in order. */
  applied(event: LogEvent): void;
  /** It is not there any more, or not for us. */
  gone(): void;
}

/** One conversation: its summary, its place in the log and, once opened, its timeline. */
export class Conversation {
  readonly log: EventLog;
  readonly #ports: ConversationPorts;
  #summary: Summary;
  #timeline: Timeline | null = null;
  #place: Place | null = null;
  #members: Members | null = null;

  constructor(shape: Shape, ports: ConversationPorts) {
    this.#ports = ports;
    this.#summary = summaryOf(shape, ports.me);
    this.log = new EventLog(shape.last_seq, {
      apply: (event) => this.#apply(event),
      fetchChanges: (after) => ports.api.changes(this.id, after).catch((error: unknown) => this.#refused(error)),
      reload: () => this.#reload(),
      spreadMs: () => (this.#summary.kind === "group" ? Math.random() * GROUP_SPREAD_MS : 0),
    });
  }

  get id(): string {
    return this.#summary.id;
  }

  get summary(): Summary {
    return this.#summary;
  }

  get timeline(): Timeline | null {
    return this.#timeline;
  }

  /** The timeline, loaded at the first call. What its first page already holds counts as expected events. */
  open(): Timeline {
    this.#timeline ??= new Timeline((before) => this.#page(before), this.#fetchNotes());
    // A failure shows as the timeline's own state, with a button to try again.
    this.#load(this.#timeline).catch(() => undefined);
    return this.#timeline;
  }

  /** Where in its history somebody reads; its timeline is opened with it. */
  openPlace(): Place {
    const timeline = this.open();
    this.#place ??= new Place({
      conversationId: this.id,
      timeline,
      ready: () => this.#load(timeline),
      message: (id) => this.#ports.api.message(id),
      visit: (seq) => new Visit(seq, (before) => this.#page(before), (after) => this.#pageAfter(after), this.#fetchNotes()),
    });
    return this.#place;
  }

  /** Everybody in it, page by page, kept by its events from then on. */
  openMembers(): Members {
    this.#members ??= new Members((cursor) => this.#ports.api.members(this.id, cursor, cursor === null ? FIRST_MEMBERS : NEXT_MEMBERS));
    return this.#members;
  }

  /** Takes a newer snapshot from the server. Answers whether the log has moved beyond what is held. */
  adopt(shape: Shape): boolean {
    const behind = shape.last_seq > this.log.position;
    if (shape.last_seq >= this.#summary.last_seq) {
      const next = summaryOf(shape, this.#ports.me);
      const read = Math.max(next.last_read_seq, this.#summary.last_read_seq);
      const unread = read >= next.last_seq ? 0 : next.unread;
      this.update({ ...next, last_read_seq: read, unread });
    }
    if (this.#timeline === null) this.log.jump(shape.last_seq);
    return behind;
  }

  update(next: Summary): void {
    if (next === this.#summary) return;
    this.#summary = next;
    this.#ports.changed();
  }

  #apply(event: LogEvent): void {
    if ("message" in event.data) {
      this.#timeline?.merge(event.data.message);
      this.#place?.merge(event.data.message);
    }
    const note = noteOf(event);
    if (note !== null) this.#timeline?.note(note);
    this.#members?.apply(event);
    // A snapshot may already count what the log still brings.
    if (event.seq > this.#summary.last_seq) this.update(applyToSummary(this.#summary, event, this.#ports.me));
    this.#ports.applied(event);
  }

  async #load(timeline: Timeline): Promise<void> {
    if (timeline.getSnapshot().status !== "ready") this.log.expect(await timeline.load());
  }

  #page(before: number | null): Promise<History> {
    return this.#ports.api.history(this.id, before, PAGE_SIZE).catch((error: unknown) => this.#refused(error));
  }

  #pageAfter(after: number): Promise<History> {
    return this.#ports.api.historyAfter(this.id, after, PAGE_SIZE).catch((error: unknown) => this.#refused(error));
  }

  #fetchNotes(): FetchNotes | null {
    return this.#summary.kind === "group" ? (after, upTo) => this.#readNotes(after, upTo) : null;
  }

  #refused(error: unknown): never {
    if (isStatus(error, 404)) this.#ports.gone();
    throw error;
  }

  async #reload(): Promise<number> {
    const shape = await this.#ports.api.conversation(this.id);
    const position = (await this.#timeline?.reload()) ?? shape.last_seq;
    await this.#place?.reload();
    this.adopt(shape);
    this.#members?.reload();
    return Math.min(position, shape.last_seq);
  }

  /** Who came and went in a stretch of the log; nothing where it lies too far back to be asked for. */
  async #readNotes(after: number, upTo: number): Promise<Note[]> {
    const notes: Note[] = [];
    let position = after;
    while (position < upTo) {
      const { events, reset } = await this.#ports.api.changes(this.id, position);
      const last = events.at(-1);
      if (reset || last === undefined) break;
      for (const event of events) {
        const note = event.seq <= upTo ? noteOf(event) : null;
        if (note !== null) notes.push(note);
      }
      position = last.seq;
    }
    return notes;
  }
}
