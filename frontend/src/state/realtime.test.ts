import type { Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Realtime, type RealtimePorts } from "./realtime";

type Listener = (...data: unknown[]) => void;

/** What we use of a socket; the test plays the server. */
class FakeSocket {
  connected = false;
  active = true;
  connects = 0;
  readonly emitted: unknown[][] = [];
  readonly #listeners = new Map<string, Listener>();
  #any: Listener = () => undefined;
  ack: unknown = { ok: true, expires_at: "" };

  on(name: string, listener: Listener): void {
    this.#listeners.set(name, listener);
  }
  onAny(listener: Listener): void {
    this.#any = listener;
  }
  connect(): void {
    this.connects += 1;
  }
  disconnect(): void {
    this.connected = false;
  }
  timeout(): { emit: (...data: unknown[]) => void } {
    return {
      emit: (...data) => {
        this.emitted.push(data);
        (data.at(-1) as (error: null, ack: unknown) => void)(null, this.ack);
      },
    };
  }
  tell(name: string, ...data: unknown[]): void {
    if (name === "connect") this.connected = true;
    this.#listeners.get(name)?.(...data);
  }
  event(name: string, data: unknown): void {
    this.#any(name, data);
  }
}

let socket: FakeSocket;
let ports: { [Name in keyof RealtimePorts]: ReturnType<typeof vi.fn<RealtimePorts[Name]>> };
let realtime: Realtime;

const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  socket = new FakeSocket();
  ports = {
    extend: vi.fn(() => {
      realtime.authenticate("fresh");
      return Promise.resolve();
    }),
    renew: vi.fn(() => Promise.resolve(true)),
    event: vi.fn(),
    connected: vi.fn(),
    resync: vi.fn(),
  };
  realtime = new Realtime(socket as unknown as Socket, ports);
  realtime.start();
});

afterEach(() => vi.useRealTimers());

describe("the socket", () => {
  it("reads what was missed at every connect", () => {
    socket.tell("connect");
    socket.tell("disconnect", "transport close");
    expect(realtime.getSnapshot()).toBe("offline");
    socket.tell("connect");
    expect(realtime.getSnapshot()).toBe("online");
    expect(ports.connected).toHaveBeenCalledTimes(2);
  });

  it("passes events on and keeps its own to itself", () => {
    socket.event("message.sent", { seq: 1 });
    socket.event("resync", {});
    expect(ports.event.mock.calls).toEqual([["message.sent", { seq: 1 }]]);
    expect(ports.resync).toHaveBeenCalledTimes(1);
  });

  it("gives the server a fresh token when the old one expires", async () => {
    socket.tell("connect");
    socket.event("session.expiring", {});
    await settle();
    expect(socket.emitted[0]?.slice(0, 2)).toEqual(["authenticate", { token: "fresh" }]);
    expect(socket.connects).toBe(1);
  });

  it("comes back with new cookies when that token is refused", async () => {
    socket.tell("connect");
    socket.ack = { code: "unauthorized" };
    socket.event("session.expiring", {});
    await settle();
    expect(socket.connects).toBe(2);
  });

  it("renews the session after a refused handshake, then connects", async () => {
    socket.active = false;
    socket.tell("connect_error", new Error("unauthorized"));
    await settle();
    expect(ports.renew).toHaveBeenCalledTimes(1);
    expect(socket.connects).toBe(2);
  });

  it("slows down when it is refused again and again", async () => {
    socket.active = false;
    socket.connect = () => {
      socket.connects += 1;
      setTimeout(() => socket.tell("connect_error", new Error("unauthorized")), 1);
    };
    socket.tell("connect_error", new Error("unauthorized"));
    await settle(60_000);
    expect(socket.connects).toBeLessThan(12);
  });

  it("stays away when the session is over", async () => {
    ports.renew.mockResolvedValue(false);
    socket.tell("connect");
    socket.event("session.ended", { reason: "signed_out", reconnect: false });
    socket.tell("disconnect", "io server disconnect");
    await settle(60_000);
    expect(socket.connects).toBe(1);
  });

  it("comes back after the server ended an expired connection", async () => {
    socket.tell("connect");
    socket.event("session.ended", { reason: "expired", reconnect: true });
    socket.tell("disconnect", "io server disconnect");
    await settle();
    expect(ports.renew).toHaveBeenCalledTimes(1);
    expect(socket.connects).toBe(2);
  });

  it("leaves ordinary drops to the library", async () => {
    socket.tell("connect");
    socket.tell("disconnect", "transport close");
    socket.tell("connect_error", new Error("websocket error"));
    await settle(60_000);
    expect(socket.connects).toBe(1);
  });
});
