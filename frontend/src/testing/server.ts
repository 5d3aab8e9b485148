import type { ChatApi } from "../api/chat";
import { ApiError } from "../api/errors";
import type { Changes, Conversation, History, LogEvent, Message } from "../api/types";
import { conversation } from "./shapes";

/** A chat service of one conversation, in memory: its log is the truth the client must converge to. */
export class FakeChat {
  readonly log: LogEvent[] = [];
  readonly asked: string[] = [];
  readSeq = 0;
  resetAfter = 1_000;
  /** What the conversation is, beside its log: a group, for instance. */
  change: Partial<Conversation> = {};
  /** Not in the list any more, and 404 for whoever asks. */
  listed = true;
  gone = false;
  /** Awaited before each answer, so that a test can let things happen meanwhile. */
  before: (path: string) => Promise<void> = () => Promise.resolve();

  get lastSeq(): number {
    return this.log.length;
  }

  write(...events: LogEvent[]): LogEvent[] {
    this.log.push(...events);
    return events;
  }

  messages(): Message[] {
    const current = new Map<string, Message>();
    for (const event of this.log) if ("message" in event.data) current.set(event.data.message.id, event.data.message);
    return [...current.values()].sort((a, b) => a.seq - b.seq);
  }

  shape(): Conversation {
    const messages = this.messages();
    const unread = messages.filter((message) => message.seq > this.readSeq && message.deleted_at === null).length;
    return conversation(this.lastSeq, { last_message: messages.at(-1) ?? null, last_read_seq: this.readSeq, unread, ...this.change });
  }

  get api(): ChatApi {
    const api = {
      conversations: async () => {
        await this.#ask("conversations");
        return { conversations: this.listed ? [this.shape()] : [], next_cursor: null };
      },
      conversation: async () => {
        await this.#ask("conversation");
        return this.shape();
      },
      history: async (_id: string, before: number | null, limit: number): Promise<History> => {
        await this.#ask(`history ${before ?? "newest"}`);
        const all = this.messages().filter((message) => before === null || message.seq < before);
        const page = all.slice(-limit);
        return { conversation_id: "", messages: page, has_more: all.length > page.length, last_seq: this.lastSeq };
      },
      historyAfter: async (_id: string, after: number, limit: number): Promise<History> => {
        await this.#ask(`history after ${after}`);
        const all = this.messages().filter((message) => message.seq > after);
        return { conversation_id: "", messages: all.slice(0, limit), has_more: all.length > limit, last_seq: this.lastSeq };
      },
      message: async (id: string): Promise<Message> => {
        await this.#ask(`message ${id}`);
        const found = this.messages().find((message) => message.id === id);
        if (found === undefined) throw new ApiError(404, "message_not_found", "There is no such message.");
        return found;
      },
      changes: async (_id: string, after: number): Promise<Changes> => {
        await this.#ask(`changes ${after}`);
        const reset = this.lastSeq - after > this.resetAfter;
        return { events: reset ? [] : this.log.filter((event) => event.seq > after).slice(0, 3), last_seq: this.lastSeq, reset };
      },
      read: async (_id: string, seq: number) => {
        await this.#ask(`read ${seq}`);
        this.readSeq = Math.max(this.readSeq, seq);
        return { last_read_seq: this.readSeq, unread: this.shape().unread ?? 0 };
      },
    };
    return api as unknown as ChatApi;
  }

  async #ask(path: string): Promise<void> {
    this.asked.push(path);
    await this.before(path);
    if (this.gone && path !== "conversations") throw new ApiError(404, "conversation_not_found", "There is no such conversation.");
  }
}
