import type { ChatApi } from "../api/chat";
import type { Presence as Shape } from "../api/types";
import { Store } from "../lib/store";

const IDS_PER_REQUEST = 200;

/** Who is online, by user id. A hint: read afresh on every connect, kept by events. */
export class Presence extends Store<ReadonlyMap<string, Shape>> {
  readonly #api: ChatApi;

  constructor(api: ChatApi) {
    super(new Map());
    this.#api = api;
  }

  apply(...found: Shape[]): void {
    const next = new Map(this.getSnapshot());
    for (const one of found) next.set(one.user_id, one);
    this.set(next);
  }

  async read(ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += IDS_PER_REQUEST) {
      const { presence } = await this.#api.presence(ids.slice(start, start + IDS_PER_REQUEST));
      this.apply(...presence);
    }
  }

  /** Without a socket nobody tells us who leaves; rather show nothing than something stale. */
  forget(): void {
    this.set(new Map());
  }
}
