import { io } from "socket.io-client";
import { AuthApi } from "../api/auth";
import { ChatApi } from "../api/chat";
import type { Config } from "../api/config";
import { Http } from "../api/http";
import type { User } from "../api/types";
import { browserStorage } from "../lib/storage";
import { Chat } from "./chat";
import { OutboxShelf } from "./outbox-shelf";
import { Realtime } from "./realtime";
import { Session } from "./session";
import { watchWakeUps } from "./wake-ups";

/** If the socket has not come up by then, the list is read without it. */
const PATIENCE_MS = 1_500;

// TypeScript believes they are everywhere; outside secure contexts they are not.
const { locks } = navigator as { locks?: LockManager };

/** A running chat and its connection, for as long as one person is signed in. */
export interface Live {
  chat: Chat;
  realtime: Realtime;
  stop(): void;
  /** Leaves nothing unsent behind on this machine. */
  forget(): void;
}

/** The composition root: makes every part of the client from the addresses in `/config.json`. */
export class Client {
  readonly auth: AuthApi;
  readonly session: Session;
  readonly #config: Config;

  constructor(config: Config) {
    this.#config = config;
    const own = new Http(config.auth_url, () => this.session.renew());
    this.auth = new AuthApi(new Http(config.auth_url), own, config.auth_url);
    this.session = new Session(this.auth, browserStorage, locks);
  }

  start(me: User): Live {
    const renew = (): Promise<boolean> => this.session.renew();
    const api = new ChatApi(new Http(this.#config.chat_url, renew));
    const shelf = new OutboxShelf(browserStorage, me.id, locks);
    const chat = new Chat(me, api, this.auth, shelf);
    const socket = io(this.#config.websocket_url, {
      withCredentials: true,
      transports: this.#config.transports,
      autoConnect: false,
      reconnectionDelay: 500,
      reconnectionDelayMax: 10_000,
      timeout: 10_000,
      forceNew: true,
    });
    const realtime = new Realtime(socket, {
      renew,
      extend: () => this.session.freshToken(),
      event: (name, data) => chat.event(name, data),
      connected: () => chat.connected(),
      resync: () => chat.refresh(true),
    });
    this.session.onToken = (token) => realtime.authenticate(token);
    const unsubscribe = realtime.subscribe(() => realtime.getSnapshot() === "offline" && chat.disconnected());
    const unwatch = watchWakeUps({
      // After a change of network the old connection is dead, even if nobody has noticed yet.
      online: () => realtime.reconnect(),
      returned: () => chat.refresh(true),
      slept: () => realtime.reconnect(),
    });
    void chat.outbox.restore();
    realtime.start();
    const patience = setTimeout(() => realtime.getSnapshot() !== "online" && chat.refresh(), PATIENCE_MS);
    return {
      chat,
      realtime,
      forget: () => shelf.clear(),
      stop: () => {
        clearTimeout(patience);
        unwatch();
        unsubscribe();
        this.session.onToken = () => undefined;
        realtime.stop();
        chat.stop();
      },
    };
  }
}
