import type { Http } from "./http";
import type { Changes, Conversation, ConversationPage, History, Matches, Member, Members, Message, PresenceList, ReadPosition } from "./types";

/** Whom a message is for: a conversation, or a person nobody has written to yet. */
export type Target = { conversation_id: string } | { to: string };

export interface Draft {
  id: string;
  content: string;
  target: Target;
  /** The message it answers, of the same conversation. */
  replyTo: string | null;
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

  /** Ascending, from the first one above `after`. */
  historyAfter(conversationId: string, after: number, limit: number): Promise<History> {
    return this.#http.send("/chat/history", { query: { conversation_id: conversationId, after, limit } });
  }

  historyWith(userId: string): Promise<History> {
    return this.#http.send("/chat/history", { query: { with: userId, limit: 1 } });
  }

  changes(conversationId: string, after: number): Promise<Changes> {
    return this.#http.send("/chat/changes", { query: { conversation_id: conversationId, after, limit: 200 } });
  }

  send(draft: Draft): Promise<Message> {
    const { id, content, target, replyTo } = draft;
    const body = { id, content, ...target, ...(replyTo === null ? {} : { reply_to: replyTo }) };
    return this.#http.send("/chat/send", { method: "POST", body, timeoutMs: 10_000 });
  }

  /** What was said in our conversations, newest first; `conversationId`: in one of them only. */
  search(words: string, conversationId: string | null, cursor: string | null, signal: AbortSignal): Promise<Matches> {
    return this.#http.send("/search", { query: { q: words, conversation_id: conversationId, cursor }, signal });
  }

  message(id: string): Promise<Message> {
    return this.#http.send(`/messages/${encodeURIComponent(id)}`);
  }

  edit(id: string, content: string): Promise<Message> {
    return this.#http.send(`/messages/${encodeURIComponent(id)}`, { method: "PATCH", body: { content } });
  }

  delete(id: string): Promise<Message> {
    return this.#http.send(`/messages/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  createGroup(id: string, name: string, members: readonly string[]): Promise<Conversation> {
    return this.#http.send("/conversations", { method: "POST", body: { kind: "group", id, name, members } });
  }

  renameGroup(id: string, name: string): Promise<Conversation> {
    return this.#http.send(`/conversations/${encodeURIComponent(id)}`, { method: "PATCH", body: { name } });
  }

  /** Adds somebody, or gives a member that role; without one, who is there already stays what they are. */
  putMember(conversationId: string, userId: string, role: Member["role"] | null): Promise<Member> {
    return this.#http.send(memberPath(conversationId, userId), { method: "PUT", body: role === null ? {} : { role } });
  }

  /** Of somebody else: removes them; of oneself: leaves. */
  removeMember(conversationId: string, userId: string): Promise<void> {
    return this.#http.send(memberPath(conversationId, userId), { method: "DELETE" });
  }

  members(conversationId: string, cursor: string | null = null, limit = 50): Promise<Members> {
    return this.#http.send(`/conversations/${encodeURIComponent(conversationId)}/members`, { query: { cursor, limit } });
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

function memberPath(conversationId: string, userId: string): string {
  return `/conversations/${encodeURIComponent(conversationId)}/members/${encodeURIComponent(userId)}`;
}
