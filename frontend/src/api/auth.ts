import { Http } from "./http";
import type { ConfirmationSent, LinkSent, Methods, ResetSent, Session, SessionStatus, User, UserPage } from "./types";

export interface UserChanges {
  name?: string;
  role?: "admin" | "member";
}

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

  /** What this installation offers to sign in with. */
  methods(): Promise<Methods> {
    return this.#open.send("/auth/methods", { timeoutMs: 5_000 });
  }

  signIn(email: string, password: string): Promise<Session> {
    return this.#open.send("/auth/login", { method: "POST", body: { email, password } });
  }

  signUp(email: string, password: string, name: string, redirectTo: string): Promise<ConfirmationSent> {
    const body = { email, password, redirect_to: redirectTo, ...(name === "" ? {} : { name }) };
    return this.#open.send("/auth/signup", { method: "POST", body });
  }

  requestReset(email: string, redirectTo: string): Promise<ResetSent> {
    return this.#open.send("/auth/password/reset", { method: "POST", body: { email, redirect_to: redirectTo } });
  }

  setPassword(password: string, current: string): Promise<void> {
    const body = { password, ...(current === "" ? {} : { current_password: current }) };
    return this.#own.send("/auth/password", { method: "PUT", body });
  }

  googleUrl(redirectTo: string): string {
    return `${this.#base}/auth/google?redirect_to=${encodeURIComponent(redirectTo)}`;
  }

  session(): Promise<SessionStatus> {
    return this.#open.send("/auth/session");
  }

  refresh(): Promise<Session> {
    return this.#open.send("/auth/refresh", { method: "POST", body: {} });
  }

  logout(scope: "local" | "global"): Promise<void> {
    return this.#open.send("/auth/logout", { method: "POST", body: { scope } });
  }

  users(query: string, signal?: AbortSignal, cursor: string | null = null, limit = 20): Promise<UserPage> {
    return this.#own.send("/users", { query: { query, limit, cursor }, ...(signal ? { signal } : {}) });
  }

  invite(email: string, name: string): Promise<User> {
    return this.#own.send("/users", { method: "POST", body: { email, ...(name === "" ? {} : { name }) } });
  }

  changeUser(id: string, changes: UserChanges): Promise<User> {
    return this.#own.send(`/users/${encodeURIComponent(id)}`, { method: "PUT", body: changes });
  }

  deleteUser(id: string): Promise<void> {
    return this.#own.send(`/users/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  user(id: string): Promise<User> {
    return this.#own.send(`/users/${encodeURIComponent(id)}`);
  }

  /** Auth's page of mails, where there is one. */
  inboxUrl(email: string): string {
    return `${this.#base}/dev/inbox?email=${encodeURIComponent(email)}`;
  }
}
