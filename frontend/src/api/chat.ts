import type { Http } from "./http";
import type { Changes, Conversation, ConversationPage, History, Members, Message, PresenceList, ReadPosition } from "./types";

/** Whom a message is for: a conversation, or a person nobody has written to yet. */
export type Target = { conversation_id: string } | { to: string };

export interface Draft {
  id: string;
  content: string;
  target: Target;
}

/** The chat service as the pages use it. */
export class ChatApi {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  conversations(cursor: string | null, limit: number): Promise<ConversationPage> {
    return this.#http.send("/conversations", { query: { cursor, limit } });
  }

  conversation(id: string): Promise<Conversation> {
    return this.#http.send(`/conversations/${encodeURIComponent(id)}`);
  }

  history(conversationId: string, before: number | null, limit: number): Promise<History> {
    return this.#http.send("/chat/history", { query: { conversation_id: conversationId, before, limit } });
  }

  historyWith(userId: string): Promise<History> {
    return this.#http.send("/chat/history", { query: { with: userId, limit: 1 } });
  }

  changes(conversationId: string, after: number): Promise<Changes> {
    return this.#http.send("/chat/changes", { query: { conversation_id: conversationId, after, limit: 200 } });
  }

  send(draft: Draft): Promise<Message> {
    const { id, content, target } = draft;
    return this.#http.send("/chat/send", { method: "POST", body: { id, content, ...target }, timeoutMs: 10_000 });
  }

  members(conversationId: string): Promise<Members> {
    return this.#http.send(`/conversations/${encodeURIComponent(conversationId)}/members`);
  }

  read(conversationId: string, seq: number): Promise<ReadPosition> {
    return this.#http.send(`/conversations/${encodeURIComponent(conversationId)}/read`, { method: "POST", body: { seq } });
  }

  typing(conversationId: string): Promise<void> {
    return this.#http.send(`/conversations/${encodeURIComponent(conversationId)}/typing`, { method: "POST", body: {} });
  }

  presence(ids: readonly string[]): Promise<PresenceList> {
    return this.#http.send("/presence", { query: { ids: ids.join(",") } });
  }
}
