import { Http } from "./http";
import type { LinkSent, Session, SessionStatus, User, UserPage } from "./types";

/** The auth service as the pages use it. `open` needs no session, `own` renews it on 401. */
export class AuthApi {
  readonly #open: Http;
  readonly #own: Http;
  readonly #base: string;

  constructor(open: Http, own: Http, base: string) {
    this.#open = open;
    this.#own = own;
    this.#base = base;
  }

  requestLink(email: string, redirectTo: string): Promise<LinkSent> {
    return this.#open.send("/auth/login", { method: "POST", body: { email, redirect_to: redirectTo } });
  }

  confirmCode(email: string, code: string): Promise<Session> {
    return this.#open.send("/auth/confirm", { method: "POST", body: { email, code } });
  }

  session(): Promise<SessionStatus> {
    return this.#open.send("/auth/session");
  }

  refresh(): Promise<Session> {
    return this.#open.send("/auth/refresh", { method: "POST", body: {} });
  }

  logout(): Promise<void> {
    return this.#open.send("/auth/logout", { method: "POST", body: { scope: "local" } });
  }

  users(query: string, signal?: AbortSignal): Promise<UserPage> {
    return this.#own.send("/users", { query: { query, limit: 20 }, ...(signal ? { signal } : {}) });
  }

  user(id: string): Promise<User> {
    return this.#own.send(`/users/${encodeURIComponent(id)}`);
  }

  inboxUrl(email: string): string {
    return `${this.#base}/dev/inbox?email=${encodeURIComponent(email)}`;
  }
}
