import type { ChatApi } from "../api/chat";
import type { Conversation } from "./conversation";
import type { Conversations } from "./conversations";

const FIRST_PAGE = 50;
const NEXT_PAGES = 200;

/**
 * Brings everything up to date: the conversations, newest change first, until one that has not moved; then
 * the changes of those that have and whose timeline is loaded. Events arriving meanwhile are held.
 */
export class CatchUp {
  readonly #api: ChatApi;
  readonly #conversations: Conversations;
  #running: Promise<void> | null = null;
  #again = false;

  constructor(api: ChatApi, conversations: Conversations) {
    this.#api = api;
    this.#conversations = conversations;
  }

  /** Runs now, or once more after the run under way. Rejects when the server can't be reached. */
  run(): Promise<void> {
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
    this.#conversations.pause();
    try {
      await this.#readConversations(behind);
      await Promise.all(behind.map((conversation) => conversation.log.catchUp(conversation.summary.last_seq)));
      this.#conversations.finish("ready");
    } catch (error) {
      this.#conversations.finish("failed");
      throw error;
    } finally {
      this.#conversations.resume();
    }
  }

  async #readConversations(behind: Conversation[]): Promise<void> {
    let cursor: string | null = null;
    let unchanged = false;
    do {
      const page: Awaited<ReturnType<ChatApi["conversations"]>> = await this.#api.conversations(cursor, cursor === null ? FIRST_PAGE : NEXT_PAGES);
      for (const shape of page.conversations) {
        const found = this.#conversations.adopt(shape);
        if (!found.behind) unchanged = true;
        else if (found.conversation.timeline !== null) behind.push(found.conversation);
      }
      this.#conversations.finish("ready");
      cursor = page.next_cursor;
    } while (cursor !== null && !unchanged);
  }
}
