import type { Socket } from "socket.io-client";
import { backoffMs } from "../lib/backoff";
import { Store } from "../lib/store";
import type { SessionEnded } from "../api/types";

export type RealtimeState = "connecting" | "online" | "offline";

export interface RealtimePorts {
  /** Gets a fresh access token, which then comes to `authenticate`. */
  extend(): Promise<unknown>;
  /** Renews the cookies the handshake uses; false when signed out. */
  renew(): Promise<boolean>;
  event(name: string, data: unknown): void;
  /** The socket is up: whatever was missed must be read now. */
  connected(): void;
  resync(): void;
}

type Ack = { ok: true; expires_at: string } | { code: string };

/** The socket: keeps it connected with a living session and passes events on. Listeners are bound once. */
export class Realtime extends Store<RealtimeState> {
  readonly #socket: Socket;
  readonly #ports: RealtimePorts;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(socket: Socket, ports: RealtimePorts) {
    super("connecting");
    this.#socket = socket;
    this.#ports = ports;
    socket.on("connect", () => {
      this.#failures = 0;
      this.set("online");
      ports.connected();
    });
    socket.on("disconnect", (reason) => {
      this.set("offline");
      // The server ended the namespace (expired, signed out): stock clients do not return from that by themselves.
      if (reason === "io server disconnect") this.#return(true);
    });
    socket.on("connect_error", (error) => {
      this.set("offline");
      if (!socket.active) this.#return(error.message === "unauthorized");
    });
    socket.onAny((name: string, data: unknown) => this.#event(name, data));
  }

  start(): void {
    this.#socket.connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket.disconnect();
    this.#socket.removeAllListeners();
    this.#socket.offAny();
  }

  /** Gives the server a new token for the connection that is open. */
  authenticate(token: string): void {
    if (!this.#socket.connected) return;
    this.#socket.timeout(10_000).emit("authenticate", { token }, (error: Error | null, ack?: Ack) => {
      if (error !== null || ack === undefined || !("ok" in ack)) this.reconnect();
    });
  }

  /** After sleep a connection may be dead without knowing it yet. */
  reconnect(): void {
    if (this.#stopped) return;
    this.#socket.disconnect();
    this.set("connecting");
    this.#socket.connect();
  }

  #event(name: string, data: unknown): void {
    if (name === "resync") this.#ports.resync();
    // If it fails, the server closes with `expired`, and we come back with fresh cookies.
    else if (name === "session.expiring") this.#ports.extend().catch(() => undefined);
    else if (name === "session.ended") this.#ended(data as SessionEnded);
    else this.#ports.event(name, data);
  }

  /** `signed_out` may be meant for this session or be old news: auth knows. */
  #ended(ended: SessionEnded): void {
    if (ended.reason !== "signed_out") return;
    this.#ports.renew().catch(() => undefined);
  }

  #return(renew: boolean): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const wait = this.#failures === 0 ? 0 : backoffMs(this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => {
      const alive = renew ? this.#ports.renew() : Promise.resolve(true);
      alive.then(
        (signedIn) => {
          if (signedIn && !this.#stopped) this.#socket.connect();
        },
        () => this.#return(renew),
      );
    }, wait);
  }
}
