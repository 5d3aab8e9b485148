import type { Message } from "../../api/types";

/** What can be done with messages; null for all where only the outbox has something to do. */
export interface MessageActions {
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  delete: (message: Message) => void;
}

export interface Allowed {
  edit: boolean;
  delete: boolean;
}

/** Whose message it is decides; in a group its owners may delete any. */
export function allowed(message: Message, me: string, ownsGroup: boolean): Allowed {
  const own = message.sender_id === me;
  return { edit: own, delete: own || ownsGroup };
}
