import type { ChatApi } from "../api/chat";
import type { Conversation } from "./conversation";
import type { Conversations } from "./conversations";

const FIRST_PAGE = 50;
const NEXT_PAGES = 200;

/**
 * Brings everything up to date: the conversations, newest change first, until one that has not moved; then
 * the changes of those that have and whose timeline is loaded. Events arriving meanwhile are held. A run of
 * the `whole` list goes on to its end: a new name of somebody, or our own leaving, moves no conversation up.
 */
export class CatchUp {
  readonly #api: ChatApi;
  readonly #conversations: Conversations;
  #running: Promise<void> | null = null;
  #again = false;
  #whole = false;

  constructor(api: ChatApi, conversations: Conversations) {
    this.#api = api;
    this.#conversations = conversations;
  }

  /** Runs now, or once more after the run under way. Rejects when the server can't be reached. */
  run(whole = false): Promise<void> {
    this.#whole ||= whole;
    if (this.#running !== null) this.#again = true;
    this.#running ??= this.#loop().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #loop(): Promise<void> {
    await this.#once();
    while (this.#takeWish()) await this.#once();
  }

  #takeWish(): boolean {
    const wished = this.#again;
    this.#again = false;
    return wished;
  }

  async #once(): Promise<void> {
    const behind: Conversation[] = [];
    const whole = this.#whole;
    this.#conversations.pause();
    try {
      await this.#readConversations(behind, whole);
      await Promise.all(behind.map((conversation) => conversation.log.catchUp(conversation.summary.last_seq)));
      this.#conversations.finish("ready");
      // Kept after a failure: the next run still has to see it all.
      if (whole) this.#whole = false;
    } catch (error) {
      this.#conversations.finish("failed");
      throw error;
    } finally {
      this.#conversations.resume();
    }
  }

  async #readConversations(behind: Conversation[], whole: boolean): Promise<void> {
    const held = this.#conversations.all();
    const listed = new Set<string>();
    let cursor: string | null = null;
    let unchanged = false;
    do {
      const page: Awaited<ReturnType<ChatApi["conversations"]>> = await this.#api.conversations(cursor, cursor === null ? FIRST_PAGE : NEXT_PAGES);
      for (const shape of page.conversations) {
        listed.add(shape.id);
        const found = this.#conversations.adopt(shape);
        if (!found.behind) unchanged = true;
        else if (found.conversation.timeline !== null) behind.push(found.conversation);
      }
      this.#conversations.finish("ready");
      cursor = page.next_cursor;
    } while (cursor !== null && (whole || !unchanged));
    // Not in the list may mean moved between two pages, or not ours any more: only asking tells.
    const missing = held.filter((one) => !listed.has(one.id) && (cursor === null || one.timeline !== null));
    await Promise.all(missing.map((one) => this.#conversations.check(one.id)));
  }
}
