import type { LogEvent, Members as Page, User } from "../api/types";
import { Store } from "../lib/store";

export interface MembersState {
  status: "loading" | "ready" | "failed";
  /** By name, as far as read. */
  users: readonly User[];
  more: boolean;
}

type FetchPage = (cursor: string | null) => Promise<Page>;

/** The members of one conversation: read page by page, then kept by the events of its log. */
export class Members extends Store<MembersState> {
  readonly #fetchPage: FetchPage;
  #cursor: string | null = null;
  #running: Promise<void> | null = null;
  #version = 0;

  constructor(fetchPage: FetchPage) {
    super({ status: "loading", users: [], more: true });
    this.#fetchPage = fetchPage;
  }

  /** The next page, unless one is on its way or all are here. */
  load(): Promise<void> {
    if (!this.getSnapshot().more) return Promise.resolve();
    this.#running ??= this.#read().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Begins again from the first page. */
  reload(): void {
    this.#version += 1;
    this.#cursor = null;
    this.#running = null;
    this.set({ status: "loading", users: [], more: true });
    void this.load();
  }

  apply(event: LogEvent): void {
    if (event.event !== "member.joined" && event.event !== "member.left") return;
    const { user } = event.data;
    const state = this.getSnapshot();
    const others = state.users.filter((held) => held.id !== user.id);
    const last = others.at(-1);
    // Whoever belongs behind what was read comes with a later page.
    const shown = event.event === "member.joined" && (!state.more || (last !== undefined && order(user, last) < 0));
    this.set({ ...state, users: shown ? [...others, user].sort(order) : others });
  }

  async #read(): Promise<void> {
    const version = this.#version;
    this.set({ ...this.getSnapshot(), status: "loading" });
    try {
      const page = await this.#fetchPage(this.#cursor);
      if (version !== this.#version) return;
      this.#cursor = page.next_cursor;
      const { users } = this.getSnapshot();
      const known = new Set(users.map((user) => user.id));
      const news = page.members.map((member) => member.user).filter((user) => !known.has(user.id));
      this.set({ status: "ready", users: [...users, ...news], more: page.next_cursor !== null });
    } catch {
      if (version === this.#version) this.set({ ...this.getSnapshot(), status: "failed" });
    }
  }
}

function order(a: User, b: User): number {
  const [left, right] = [`${a.name.toLowerCase()} ${a.id}`, `${b.name.toLowerCase()} ${b.id}`];
  return left < right ? -1 : left > right ? 1 : 0;
}
