import type { AuthApi } from "../api/auth";
import { isStatus } from "../api/errors";
import type { Session as Shape, User } from "../api/types";
import type { KeyValues } from "../lib/storage";
import { Store } from "../lib/store";

export type SessionState = { status: "unknown" } | { status: "signed-out" } | { status: "signed-in"; user: User };

export const SIGNED_IN_KEY = "pulse.signed-in";
const RENEWED_KEY = "pulse.renewed-at";
const LOCK = "pulse.session";
const EARLY_MS = 60_000;
const SHORTEST_WAIT_MS = 10_000;

/** Who is signed in. The cookies are the browser's; an access token only passes through, to the socket. */
export class Session extends Store<SessionState> {
  readonly #api: AuthApi;
  readonly #storage: KeyValues;
  readonly #locks: LockManager | undefined;
  #renewing: Promise<boolean> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Called with each new access token. */
  onToken: (token: string) => void = () => undefined;

  constructor(api: AuthApi, storage: KeyValues, locks: LockManager | undefined) {
    super({ status: "unknown" });
    this.#api = api;
    this.#storage = storage;
    this.#locks = locks;
  }

  /** Finds out who is signed in. Rejects when auth can't be reached. */
  async restore(): Promise<void> {
    try {
      const { user, expires_at } = await this.#api.session();
      this.#signedIn(user);
      this.#schedule(expires_at);
    } catch (error) {
      if (!isStatus(error, 401)) throw error;
      await this.renew();
    }
  }

  accept(session: Shape): void {
    this.#storage.set(RENEWED_KEY, String(Date.now()));
    this.#signedIn(session.user);
    this.#schedule(session.expires_at);
    this.onToken(session.access_token);
  }

  /**
   * Gets fresh cookies; answers whether there is a session. One tab at a time, under a Web Lock: whoever
   * waited while another tab did it need not do it again. Rejects when auth can't be reached.
   */
  renew(): Promise<boolean> {
    this.#renewing ??= this.#underLock((askedAt) => this.#renewedSince(askedAt) || this.#renewNow()).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** Gets this tab an access token of its own, which cookies renewed by another tab do not bring. */
  freshToken(): Promise<boolean> {
    return this.#underLock(() => this.#renewNow());
  }

  /** `global` ends every session of the account. */
  async signOut(scope: "local" | "global" = "local"): Promise<void> {
    await this.#api.logout(scope).catch((error: unknown) => {
      if (!isStatus(error, 401)) throw error;
    });
    this.ended();
  }

  /** The session is over, here or in another tab. */
  ended(): void {
    clearTimeout(this.#timer);
    this.#storage.remove(SIGNED_IN_KEY);
    this.set({ status: "signed-out" });
  }

  #signedIn(user: User): void {
    this.#storage.set(SIGNED_IN_KEY, user.id);
    this.set({ status: "signed-in", user });
  }

  async #underLock(action: (askedAt: number) => boolean | Promise<boolean>): Promise<boolean> {
    const askedAt = Date.now();
    // Web Locks exist only in secure contexts; without them the server's grace for spent tokens has to do.
    if (this.#locks === undefined) return action(askedAt);
    return this.#locks.request(LOCK, () => action(askedAt));
  }

  #renewedSince(askedAt: number): boolean {
    return this.getSnapshot().status === "signed-in" && Number(this.#storage.get(RENEWED_KEY) ?? 0) > askedAt;
  }

  async #renewNow(): Promise<boolean> {
    try {
      this.accept(await this.#api.refresh());
      return true;
    } catch (error) {
      if (!isStatus(error, 401)) throw error;
      this.ended();
      return false;
    }
  }

  #schedule(expiresAt: string): void {
    clearTimeout(this.#timer);
    const wait = Math.max(SHORTEST_WAIT_MS, new Date(expiresAt).getTime() - Date.now() - EARLY_MS);
    this.#timer = setTimeout(() => {
      // Not reached: the next request's 401 or the socket's `session.expiring` will ask again.
      this.renew().catch(() => undefined);
    }, wait);
  }
}
