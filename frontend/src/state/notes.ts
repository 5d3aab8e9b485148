import type { LogEvent, User } from "../api/types";

/** What happened between the messages: somebody came into the group or left it. */
export interface Note {
  seq: number;
  kind: "joined" | "left";
  user: User;
}

export function noteOf(event: LogEvent): Note | null {
  if (event.event === "member.joined") return { seq: event.seq, kind: "joined", user: event.data.user };
  if (event.event === "member.left") return { seq: event.seq, kind: "left", user: event.data.user };
  return null;
}
