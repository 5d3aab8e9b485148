import type { ChatApi } from "../api/chat";
import { isStatus } from "../api/errors";
import type { TypingEvent } from "../api/types";
import { Store } from "../lib/store";

const SAY_EVERY_MS = 3_000;
const SHORTEST_MS = 1_500;
const LONGEST_MS = 8_000;

/** Who is writing, by conversation; and our own saying so. */
export class Typing extends Store<ReadonlyMap<string, readonly string[]>> {
  readonly #api: ChatApi;
  readonly #me: string;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #saidAt = new Map<string, number>();
  #offered = true;

  constructor(api: ChatApi, me: string) {
    super(new Map());
    this.#api = api;
    this.#me = me;
  }

  /** `until` is the server's clock, ours may differ: the stay is bounded on both sides. */
  apply(event: TypingEvent): void {
    const { conversation_id, user_id } = event;
    if (user_id === this.#me) return;
    const key = `${conversation_id} ${user_id}`;
    const stay = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, new Date(event.until).getTime() - Date.now()));
    clearTimeout(this.#timers.get(key));
    this.#timers.set(key, setTimeout(() => this.clear(conversation_id, user_id), stay));
    const writing = this.getSnapshot().get(conversation_id) ?? [];
    if (!writing.includes(user_id)) this.#put(conversation_id, [...writing, user_id]);
  }

  clear(conversationId: string, userId: string): void {
    const writing = this.getSnapshot().get(conversationId);
    if (writing?.includes(userId)) this.#put(conversationId, writing.filter((id) => id !== userId));
  }

  /** Tells the others that we are writing, seldom enough. A server that knows no such route is not asked again. */
  say(conversationId: string): void {
    const now = Date.now();
    if (!this.#offered || now - (this.#saidAt.get(conversationId) ?? 0) < SAY_EVERY_MS) return;
    this.#saidAt.set(conversationId, now);
    this.#api.typing(conversationId).catch((error: unknown) => {
      if (isStatus(error, 404) || isStatus(error, 405)) this.#offered = false;
    });
  }

  /** After a message the next key stroke says it again. */
  sent(conversationId: string): void {
    this.#saidAt.delete(conversationId);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #put(conversationId: string, writing: readonly string[]): void {
    const next = new Map(this.getSnapshot());
    if (writing.length === 0) next.delete(conversationId);
    else next.set(conversationId, writing);
    this.set(next);
  }
}
