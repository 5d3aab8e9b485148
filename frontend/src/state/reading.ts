import type { ChatApi } from "../api/chat";
import { isTransient } from "../api/errors";
import type { ReadEvent } from "../api/types";
import { Store } from "../lib/store";
import type { Conversations } from "./conversations";
import { readUpTo } from "./summary";

const GATHER_MS = 500;
const RETRY_MS = 10_000;

/** Read positions: ours are told to the server, the other side's (`conversation id → seq`) are shown as "Seen". */
export class Reading extends Store<ReadonlyMap<string, number>> {
  readonly #api: ChatApi;
  readonly #conversations: Conversations;
  readonly #me: string;
  readonly #told = new Map<string, number>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(api: ChatApi, conversations: Conversations, me: string) {
    super(new Map());
    this.#api = api;
    this.#conversations = conversations;
    this.#me = me;
  }

  apply(event: ReadEvent): void {
    if (event.user_id === this.#me) return;
    const seq = Math.max(event.seq, this.getSnapshot().get(event.conversation_id) ?? 0);
    this.set(new Map([...this.getSnapshot(), [event.conversation_id, seq]]));
  }

  /** Reads how far the others have come; afterwards events keep it. */
  async learn(conversationId: string): Promise<void> {
    const { members } = await this.#api.members(conversationId);
    for (const { user, last_read_seq } of members) this.apply({ conversation_id: conversationId, user_id: user.id, seq: last_read_seq });
  }

  /** Everything up to the newest has been seen. Shows at once; told to the server shortly after. */
  seen(conversationId: string): void {
    const conversation = this.#conversations.find(conversationId);
    if (conversation === null) return;
    const { last_seq, last_read_seq, unread } = conversation.summary;
    if (last_read_seq >= last_seq && unread === 0) return;
    conversation.update({ ...readUpTo(conversation.summary, last_seq), unread: 0 });
    if (this.#timers.has(conversationId)) return;
    // The first at once, for the page may be left the next moment; those that follow closely are gathered.
    this.#tell(conversationId);
    this.#plan(conversationId, GATHER_MS);
  }

  /** The connection is back: what could not be told is told now. */
  hurry(): void {
    for (const id of [...this.#timers.keys()]) {
      clearTimeout(this.#timers.get(id));
      this.#tell(id);
    }
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #tell(conversationId: string): void {
    this.#timers.delete(conversationId);
    const seq = this.#conversations.find(conversationId)?.summary.last_read_seq;
    if (seq === undefined || seq <= (this.#told.get(conversationId) ?? 0)) return;
    this.#told.set(conversationId, seq);
    this.#api.read(conversationId, seq).catch((error: unknown) => {
      this.#told.delete(conversationId);
      if (isTransient(error)) this.#plan(conversationId, RETRY_MS);
    });
  }

  #plan(conversationId: string, ms: number): void {
    if (this.#timers.has(conversationId)) return;
    this.#timers.set(conversationId, setTimeout(() => this.#tell(conversationId), ms));
  }
}
