import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuthApi } from "../api/auth";
import { ApiError, NoAnswer } from "../api/errors";
import type { Session as Shape } from "../api/types";
import { memoryStorage, type KeyValues } from "../lib/storage";
import { ann } from "../testing/shapes";
import { Session } from "./session";

const refused = new ApiError(401, "not_authenticated", "Sign in.");
let storage: KeyValues;
let refreshes: number;
let refresh: () => Promise<Shape>;
let session: () => Promise<{ user: typeof ann; expires_at: string }>;

const soon = (): string => new Date(Date.now() + 600_000).toISOString();
const fresh = (): Shape => ({ access_token: `token-${refreshes}`, token_type: "bearer", expires_at: soon(), user: ann });

/** One lock for all tabs, as the browser gives it. */
function makeLocks(): LockManager {
  let last: Promise<unknown> = Promise.resolve();
  const request = (_name: string, action: () => unknown): Promise<unknown> => (last = last.then(action, action));
  return { request } as unknown as LockManager;
}

function makeTab(locks?: LockManager): Session {
  const api = {
    session: () => session(),
    refresh: () => {
      refreshes += 1;
      return refresh();
    },
    logout: () => Promise.resolve(),
  };
  return new Session(api as unknown as AuthApi, storage, locks);
}

beforeEach(() => {
  vi.useFakeTimers();
  storage = memoryStorage();
  refreshes = 0;
  refresh = () => Promise.resolve(fresh());
  session = () => Promise.resolve({ user: ann, expires_at: soon() });
});

afterEach(() => vi.useRealTimers());

describe("a session", () => {
  it("is restored from the cookies", async () => {
    const tab = makeTab();
    await tab.restore();
    expect(tab.getSnapshot()).toEqual({ status: "signed-in", user: ann });
    expect(refreshes).toBe(0);
  });

  it("is refreshed when the access token has run out", async () => {
    session = () => Promise.reject(refused);
    const tab = makeTab();
    await tab.restore();
    expect(tab.getSnapshot().status).toBe("signed-in");
    expect(refreshes).toBe(1);
  });

  it("is over when the refresh token is refused too", async () => {
    session = refresh = () => Promise.reject(refused);
    const tab = makeTab();
    await tab.restore();
    expect(tab.getSnapshot().status).toBe("signed-out");
  });

  it("is not given up because auth can't be reached", async () => {
    const tab = makeTab();
    await tab.restore();
    refresh = () => Promise.reject(new NoAnswer(null));
    await expect(tab.renew()).rejects.toThrow(NoAnswer);
    expect(tab.getSnapshot().status).toBe("signed-in");
  });

  it("is renewed before it ends, and hands the new token on", async () => {
    const tab = makeTab();
    const tokens: string[] = [];
    tab.onToken = (token) => tokens.push(token);
    await tab.restore();
    await vi.advanceTimersByTimeAsync(545_000);
    expect(tokens).toEqual(["token-1"]);
  });

  it("is renewed once for many refused requests", async () => {
    const tab = makeTab(makeLocks());
    await tab.restore();
    await Promise.all([tab.renew(), tab.renew(), tab.renew()]);
    expect(refreshes).toBe(1);
  });

  it("is renewed once for two tabs", async () => {
    const locks = makeLocks();
    const [one, two] = [makeTab(locks), makeTab(locks)];
    await Promise.all([one.restore(), two.restore()]);
    refresh = async () => {
      await vi.advanceTimersByTimeAsync(50);
      return fresh();
    };
    expect(await Promise.all([one.renew(), two.renew()])).toEqual([true, true]);
    expect(refreshes).toBe(1);
  });

  it("gives the socket a token of its own even then", async () => {
    const tab = makeTab(makeLocks());
    await tab.restore();
    const tokens: string[] = [];
    tab.onToken = (token) => tokens.push(token);
    await tab.freshToken();
    await tab.freshToken();
    expect(tokens).toEqual(["token-1", "token-2"]);
  });

  it("ends at sign-out", async () => {
    const tab = makeTab();
    await tab.restore();
    await tab.signOut();
    expect(tab.getSnapshot().status).toBe("signed-out");
    expect(storage.get("pulse.signed-in")).toBeNull();
  });
});
