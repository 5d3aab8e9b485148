import type { AuthApi } from "../api/auth";
import type { User } from "../api/types";
import { Store } from "../lib/store";

/** Everybody we have heard of, by id. Unknown ones are asked for, once. */
export class People extends Store<ReadonlyMap<string, User>> {
  readonly #api: AuthApi;
  readonly #asked = new Set<string>();

  constructor(api: AuthApi, me: User) {
    super(new Map([[me.id, me]]));
    this.#api = api;
  }

  learn(users: readonly User[]): void {
    const held = this.getSnapshot();
    const news = users.filter((user) => isNews(held.get(user.id), user));
    if (news.length > 0) this.set(new Map([...held, ...news.map((user) => [user.id, user] as const)]));
  }

  /** Makes sure the person will be known; safe to call on every render's effect. */
  want(id: string): void {
    if (this.#asked.has(id) || this.getSnapshot().has(id)) return;
    this.#asked.add(id);
    this.#api.user(id).then(
      (user) => this.learn([user]),
      () => this.#asked.delete(id),
    );
  }

  /** Rejects with the API's error, 404 for an id nobody has. */
  async get(id: string): Promise<User> {
    const held = this.getSnapshot().get(id);
    if (held !== undefined) return held;
    const user = await this.#api.user(id);
    this.learn([user]);
    return user;
  }
}

function isNews(held: User | undefined, user: User): boolean {
  if (held === undefined) return true;
  // Nobody comes back from a deletion: whatever says so is an older answer.
  if (held.deleted_at !== null) return false;
  return held.name !== user.name || held.avatar_url !== user.avatar_url || held.deleted_at !== user.deleted_at;
}
