import { deferred } from "../lib/deferred";
import { newId } from "../lib/ids";
import type { KeyValues } from "../lib/storage";
import type { Unsent } from "./outbox";

/**
 * Where unsent messages survive a reload: one key a message, so that tabs never overwrite each other.
 * Each tab holds a Web Lock under its name; what belongs to a name nobody holds is an orphan.
 */
export class OutboxShelf {
  readonly owner = newId();
  readonly #storage: KeyValues;
  readonly #prefix: string;
  readonly #locks: LockManager | undefined;
  readonly #released = deferred();

  constructor(storage: KeyValues, userId: string, locks: LockManager | undefined) {
    this.#storage = storage;
    this.#prefix = `pulse.unsent.${userId}.`;
    this.#locks = locks;
    void locks?.request(lockName(this.owner), () => this.#released.promise).catch(() => undefined);
  }

  put(unsent: Unsent): void {
    this.#storage.set(this.#prefix + unsent.id, JSON.stringify(unsent));
  }

  remove(id: string): void {
    this.#storage.remove(this.#prefix + id);
  }

  clear(): void {
    for (const key of this.#storage.keys(this.#prefix)) this.#storage.remove(key);
  }

  /** Unsent messages of tabs that are gone, now ours. Two tabs may both take one: its id makes that harmless. */
  async takeOrphans(): Promise<Unsent[]> {
    const alive = new Set((await this.#locks?.query())?.held?.map((lock) => lock.name));
    return this.#storage.keys(this.#prefix).flatMap((key) => {
      const unsent = parse(this.#storage.get(key));
      if (unsent === null || (unsent.owner !== this.owner && alive.has(lockName(unsent.owner)))) return [];
      const state: Unsent["state"] = unsent.state.kind === "failed" ? unsent.state : { kind: "sending" };
      const taken = { ...unsent, replyTo: (unsent as Partial<Unsent>).replyTo ?? null, owner: this.owner, state };
      this.put(taken);
      return [taken];
    });
  }

  release(): void {
    this.#released.resolve();
  }
}

function lockName(owner: string): string {
  return `pulse.tab.${owner}`;
}

function parse(text: string | null): Unsent | null {
  try {
    return text === null ? null : (JSON.parse(text) as Unsent);
  } catch {
    return null;
  }
}
