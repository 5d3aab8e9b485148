import type { ChatApi } from "../api/chat";
import { isStatus } from "../api/errors";
import type { Conversation as Shape, LogEvent, Message, ReadEvent, User } from "../api/types";
import { Store } from "../lib/store";
import { Conversation } from "./conversation";
import { activityOf, readUpTo, titleOf, withUser, type Summary } from "./summary";

export interface ConversationsState {
  status: "loading" | "ready" | "failed";
  /** Newest activity first. */
  list: readonly Summary[];
}

/** All conversations of the signed-in person, by id. */
export class Conversations extends Store<ConversationsState> {
  readonly #api: ChatApi;
  readonly #me: string;
  readonly #byId = new Map<string, Conversation>();
  readonly #arriving = new Map<string, Promise<Conversation | null>>();
  readonly #refreshing = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #fetching = new Map<string, Promise<unknown>>();
  readonly #changedMeanwhile = new Map<string, User>();
  #paused = false;
  #stopped = false;
  readonly #former = new Map<string, string>();
  onApplied: (event: LogEvent) => void = () => undefined;
  /** It was there, and is not ours any more. */
  onLost: (summary: Summary) => void = () => undefined;

  constructor(api: ChatApi, me: string) {
    super({ status: "loading", list: [] });
    this.#api = api;
    this.#me = me;
  }

  find(id: string): Conversation | null {
    return this.#byId.get(id) ?? null;
  }

  all(): readonly Conversation[] {
    return [...this.#byId.values()];
  }

  /** What a conversation was called that we were in until a while ago; null for any other. */
  formerName(id: string): string | null {
    return this.#former.get(id) ?? null;
  }

  findDirect(userId: string): Summary | null {
    return this.getSnapshot().list.find((summary) => summary.kind === "direct" && summary.peer?.id === userId) ?? null;
  }

  /** Takes the server's snapshot of one conversation in. Answers whether anything in it was new. */
  adopt(shape: Shape): { conversation: Conversation; behind: boolean } {
    const held = this.#byId.get(shape.id);
    if (held !== undefined) return { conversation: held, behind: held.adopt(shape) };
    const conversation = new Conversation(shape, {
      api: this.#api,
      me: this.#me,
      changed: () => this.#publish(),
      applied: (event) => this.#applied(event),
      gone: () => this.remove(shape.id),
    });
    if (this.#paused) conversation.log.pause();
    this.#former.delete(shape.id);
    this.#byId.set(shape.id, conversation);
    this.#publish();
    return { conversation, behind: true };
  }

  /** The conversation, asked for if it is not known yet; null when it is not there for us. */
  ensure(id: string): Promise<Conversation | null> {
    const held = this.#byId.get(id);
    if (held !== undefined) return Promise.resolve(held);
    let arriving = this.#arriving.get(id);
    if (arriving === undefined) {
      arriving = this.#fetch(id).finally(() => this.#arriving.delete(id));
      this.#arriving.set(id, arriving);
    }
    return arriving;
  }

  /** Asks whether it is still there for us; it goes if not. */
  async check(id: string): Promise<void> {
    await this.#fetch(id);
  }

  receive(conversationId: string, event: LogEvent): void {
    const held = this.#byId.get(conversationId);
    if (held !== undefined) {
      held.log.receive(event);
      return;
    }
    if (event.event === "member.left" && event.data.user.id === this.#me) return;
    this.ensure(conversationId).then(
      (conversation) => conversation?.log.receive(event),
      () => undefined, // the next catch-up brings it
    );
  }

  /** Our own message as the server answered it: shown at once, also while a hole below it is being filled. */
  async sent(message: Message): Promise<void> {
    const { conversation_id, seq } = message;
    const isNew = !this.#byId.has(conversation_id);
    const conversation = await this.ensure(conversation_id);
    // Its page is about to show: the timeline must already hold what was just written.
    if (isNew) conversation?.open();
    conversation?.timeline?.merge(message);
    if (message.changed_seq === seq) this.receive(conversation_id, { event: "message.sent", seq, data: { conversation_id, seq, message } });
  }

  /** A message of ours as the server answered a change of it. */
  changed(event: "message.edited" | "message.deleted", message: Message): void {
    const { conversation_id, changed_seq: seq } = message;
    this.#byId.get(conversation_id)?.timeline?.merge(message);
    this.receive(conversation_id, { event, seq, data: { conversation_id, seq, message } });
  }

  read(event: ReadEvent): void {
    const held = this.#byId.get(event.conversation_id);
    if (held === undefined || event.user_id !== this.#me) return;
    held.update(readUpTo(held.summary, event.seq));
    if (held.summary.unread > 0) this.refresh(held.id);
  }

  userChanged(user: User): void {
    // What the catch-up is reading may have been written down before.
    if (this.#paused) this.#changedMeanwhile.set(user.id, user);
    for (const conversation of this.#byId.values()) conversation.update(withUser(conversation.summary, user));
  }

  /** Reads one summary afresh, soon; several wishes become one. */
  refresh(id: string): void {
    if (this.#refreshing.has(id)) return;
    const timer = setTimeout(() => {
      this.#refreshing.delete(id);
      this.#fetch(id).catch(() => undefined);
    }, 300);
    this.#refreshing.set(id, timer);
  }

  /** Nothing more is asked about it, and what was asked is answered. */
  async settle(id: string): Promise<void> {
    this.#cancelRefresh(id);
    await this.#fetching.get(id);
  }

  pause(): void {
    this.#paused = true;
    for (const conversation of this.#byId.values()) conversation.log.pause();
  }

  resume(): void {
    if (this.#stopped) return;
    this.#paused = false;
    for (const user of this.#changedMeanwhile.values()) this.userChanged(user);
    this.#changedMeanwhile.clear();
    for (const conversation of this.#byId.values()) conversation.log.resume();
  }

  finish(status: "ready" | "failed"): void {
    if (status === "ready" || this.getSnapshot().status === "loading") this.set({ ...this.getSnapshot(), status });
  }

  remove(id: string): void {
    const held = this.#byId.get(id);
    if (held === undefined) return;
    held.log.stop();
    this.#cancelRefresh(id);
    this.#byId.delete(id);
    this.#former.set(id, titleOf(held.summary));
    this.#publish();
    this.onLost(held.summary);
  }

  stop(): void {
    this.#stopped = true;
    for (const conversation of this.#byId.values()) conversation.log.stop();
    for (const timer of this.#refreshing.values()) clearTimeout(timer);
  }

  #cancelRefresh(id: string): void {
    clearTimeout(this.#refreshing.get(id));
    this.#refreshing.delete(id);
  }

  #fetch(id: string): Promise<Conversation | null> {
    const fetching = this.#ask(id);
    const over = fetching
      .catch(() => undefined)
      .finally(() => {
        if (this.#fetching.get(id) === over) this.#fetching.delete(id);
      });
    this.#fetching.set(id, over);
    return fetching;
  }

  async #ask(id: string): Promise<Conversation | null> {
    try {
      const { conversation, behind } = this.adopt(await this.#api.conversation(id));
      if (behind) conversation.log.expect(conversation.summary.last_seq);
      return conversation;
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      this.remove(id);
      return null;
    }
  }

  #applied(event: LogEvent): void {
    const { conversation_id } = event.data;
    if (event.event === "member.left" && event.data.user.id === this.#me) this.remove(conversation_id);
    const held = this.#byId.get(conversation_id);
    // Whether a deleted message had been counted as unread, only the server knows for sure.
    if (event.event === "message.deleted" && held !== undefined && held.summary.unread > 0) this.refresh(conversation_id);
    this.onApplied(event);
  }

  #publish(): void {
    const list = [...this.#byId.values()].map((conversation) => conversation.summary);
    list.sort((a, b) => (activityOf(a) < activityOf(b) ? 1 : -1));
    this.set({ ...this.getSnapshot(), list });
  }
}
