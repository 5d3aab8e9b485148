import type { AuthApi } from "../api/auth";
import type { ChatApi, Target } from "../api/chat";
import type { LogEvent, Matches, Presence as PresenceShape, ReadEvent, TypingEvent, User, UserEvent } from "../api/types";
import { backoffMs } from "../lib/backoff";
import { CatchUp } from "./catch-up";
import { Conversations } from "./conversations";
import { Edits } from "./edits";
import { Groups } from "./groups";
import { Notices } from "./notices";
import { Outbox } from "./outbox";
import type { OutboxShelf } from "./outbox-shelf";
import { People } from "./people";
import { Presence } from "./presence";
import { Reading } from "./reading";
import { Typing } from "./typing";

/** Without a socket everything is read this often instead. */
const POLL_MS = 20_000;

/** Everything the chat page knows, for one signed-in person. Made at sign-in, stopped at sign-out. */
export class Chat {
  readonly me: User;
  readonly conversations: Conversations;
  readonly outbox: Outbox;
  readonly people: People;
  readonly presence: Presence;
  readonly typing: Typing;
  readonly reading: Reading;
  readonly edits: Edits;
  readonly notices = new Notices();
  readonly groups: Groups;
  readonly #api: ChatApi;
  readonly #catchUp: CatchUp;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #asked = new Set<string>();
  #live = false;
  #stopped = false;

  constructor(me: User, api: ChatApi, auth: AuthApi, shelf: OutboxShelf) {
    this.me = me;
    this.#api = api;
    this.people = new People(auth, me);
    this.conversations = new Conversations(api, me.id);
    this.presence = new Presence(api);
    this.typing = new Typing(api, me.id);
    this.reading = new Reading(api, this.conversations, me.id);
    this.outbox = new Outbox({
      shelf,
      send: (draft) => api.send(draft),
      sent: (message) => this.conversations.sent(message),
    });
    this.edits = new Edits({
      edit: (id, content) => api.edit(id, content),
      delete: (id) => api.delete(id),
      done: (event, message) => this.conversations.changed(event, message),
    });
    this.groups = new Groups(api, this.conversations, this.notices, me.id);
    this.#catchUp = new CatchUp(api, this.conversations);
    this.conversations.onApplied = (event) => this.#applied(event);
    this.conversations.subscribe(() => this.#learn());
  }

  /** The socket is up: reads what was missed; from now on events bring the rest. */
  connected(): void {
    this.#live = true;
    void this.outbox.restore();
    this.outbox.wake();
    this.reading.hurry();
    this.refresh(true);
  }

  /** The socket is gone: reads everything now and then until it is back. */
  disconnected(): void {
    if (this.#live) this.presence.forget();
    this.#live = false;
    this.#plan(POLL_MS);
  }

  /** Brings everything up to date, `whole` also what moves no conversation; when that fails, again after a while. */
  refresh(whole = false): void {
    clearTimeout(this.#timer);
    this.#catchUp.run(whole).then(
      () => {
        this.#failures = 0;
        this.#readPresence();
        if (!this.#live) this.#plan(POLL_MS);
      },
      () => this.#plan(backoffMs(++this.#failures)),
    );
  }

  event(name: string, data: unknown): void {
    if (name === "presence") this.presence.apply(data as PresenceShape);
    else if (name === "typing") this.typing.apply(data as TypingEvent);
    else if (name === "read") this.#read(data as ReadEvent);
    else if (name === "user.changed") this.#userChanged((data as UserEvent).user);
    else if (isLogged(data)) this.conversations.receive(data.conversation_id, { event: name, seq: data.seq, data } as LogEvent);
  }

  send(lane: string, target: Target, content: string, replyTo: string | null = null): void {
    if ("conversation_id" in target) this.typing.sent(target.conversation_id);
    this.outbox.add(lane, target, content, replyTo);
  }

  /** The direct conversation with somebody, asked for if the list does not hold it; null when there is none. */
  async findDirect(userId: string): Promise<string | null> {
    const held = this.conversations.findDirect(userId);
    if (held !== null) return held.id;
    const id = (await this.#api.historyWith(userId)).messages[0]?.conversation_id;
    return id === undefined ? null : ((await this.conversations.ensure(id))?.id ?? null);
  }

  /** A page of messages with these words, newest first. Who wrote them, and where, is going to be known. */
  async search(words: string, conversationId: string | null, cursor: string | null, signal: AbortSignal): Promise<Matches> {
    const page = await this.#api.search(words, conversationId, cursor, signal);
    for (const { message } of page.matches) {
      this.people.want(message.sender_id);
      this.conversations.ensure(message.conversation_id).catch(() => undefined); // shown without its name until then
    }
    return page;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.conversations.stop();
    this.outbox.stop();
    this.typing.stop();
    this.reading.stop();
  }

  #plan(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => this.refresh(), ms);
  }

  #applied(event: LogEvent): void {
    if ("user" in event.data) this.people.learn([event.data.user]);
    if (event.event === "message.sent") this.typing.clear(event.data.conversation_id, event.data.message.sender_id);
  }

  #read(event: ReadEvent): void {
    this.conversations.read(event);
    this.reading.apply(event);
  }

  #userChanged(user: User): void {
    this.conversations.userChanged(user);
    this.people.learn([user]);
    if (user.deleted_at !== null) this.presence.apply({ user_id: user.id, online: false, last_seen: null });
  }

  #learn(): void {
    const { list, status } = this.conversations.getSnapshot();
    this.people.learn(list.flatMap((summary) => (summary.peer ? [...summary.members, summary.peer] : summary.members)));
    // Events tell only of changes: of somebody new we must ask.
    if (status === "ready" && this.#peers().some((id) => !this.#asked.has(id))) this.#readPresence();
  }

  #peers(): string[] {
    return this.conversations.getSnapshot().list.flatMap((summary) => (summary.peer === null ? [] : [summary.peer.id]));
  }

  #readPresence(): void {
    this.#asked = new Set(this.#peers());
    this.presence.read([...this.#asked]).catch(() => undefined); // dots are a hint; the next catch-up asks again
  }
}

function isLogged(data: unknown): data is { conversation_id: string; seq: number } {
  return typeof data === "object" && data !== null && "conversation_id" in data && "seq" in data && typeof data.seq === "number";
}
