import type { ChatApi } from "../api/chat";
import type { Member } from "../api/types";
import type { Conversations } from "./conversations";
import type { Notices } from "./notices";
import { titleOf } from "./summary";

/** What is done to groups. Events bring each change to everybody, us included; without a socket we look. */
export class Groups {
  readonly #api: ChatApi;
  readonly #conversations: Conversations;
  readonly #notices: Notices;
  readonly #me: string;
  readonly #leaving = new Set<string>();

  constructor(api: ChatApi, conversations: Conversations, notices: Notices, me: string) {
    this.#api = api;
    this.#conversations = conversations;
    this.#notices = notices;
    this.#me = me;
    conversations.onLost = ({ id, kind, ...summary }) => {
      if (kind !== "group" || this.#leaving.has(id)) return;
      notices.say(`You are no longer in “${titleOf({ id, kind, ...summary })}”.`);
    };
  }

  /** `id` is made once, so that asking again makes no second group. */
  async create(id: string, name: string, members: readonly string[]): Promise<string> {
    const shape = await this.#api.createGroup(id, name, members);
    this.#conversations.adopt(shape);
    return shape.id;
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#api.renameGroup(id, name);
    this.#conversations.refresh(id);
  }

  async add(id: string, userId: string): Promise<void> {
    // Without a role: an owner we don't know of must not become less by being added again.
    await this.#api.putMember(id, userId, null);
    this.#conversations.refresh(id);
  }

  async setRole(id: string, userId: string, role: Member["role"]): Promise<void> {
    await this.#api.putMember(id, userId, role);
    this.#conversations.refresh(id);
  }

  async remove(id: string, userId: string): Promise<void> {
    await this.#api.removeMember(id, userId);
    this.#conversations.refresh(id);
  }

  async leave(id: string): Promise<void> {
    this.#leaving.add(id);
    try {
      const summary = this.#conversations.find(id)?.summary;
      await this.#conversations.settle(id); // else the answer may be that there is no such conversation for us
      await this.#api.removeMember(id, this.#me);
      this.#conversations.remove(id);
      if (summary !== undefined) this.#notices.say(`You left “${titleOf(summary)}”.`);
    } finally {
      this.#leaving.delete(id);
    }
  }
}
