import type { components as auth } from "./generated/auth";
import type { components as chat } from "./generated/chat";
import type { components as events } from "./generated/events";

/* Names for the generated shapes; nothing is declared by hand here. */

export type Session = auth["schemas"]["Session"];
export type LinkSent = auth["schemas"]["LinkSent"];
export type Methods = auth["schemas"]["SignInMethods"];
export type ResetSent = auth["schemas"]["ResetSent"];
export type ConfirmationSent = auth["schemas"]["ConfirmationSent"];
export type SessionStatus = auth["schemas"]["SessionStatus"];
export type User = auth["schemas"]["User"];
export type UserPage = auth["schemas"]["UserPage"];

export type Message = chat["schemas"]["Message"];
export type Conversation = chat["schemas"]["Conversation"];
export type ConversationPage = chat["schemas"]["Conversations"];
export type History = chat["schemas"]["History"];
export type Match = chat["schemas"]["Match"];
export type Matches = chat["schemas"]["Matches"];
export type Member = chat["schemas"]["Member"];
export type Members = chat["schemas"]["Members"];
export type Presence = chat["schemas"]["Presence"];
export type PresenceList = chat["schemas"]["PresenceList"];
export type ReadPosition = chat["schemas"]["ReadPosition"];

type Events = events["schemas"]["Events"];
export type ReadEvent = Events["read"];
export type TypingEvent = Events["typing"];
export type UserEvent = Events["user.changed"];
export type SessionEnded = Events["session.ended"];

type Logged = {
  [Name in keyof Events]: Events[Name] extends { conversation_id: string; seq: number } ? (Name extends "read" ? never : Name) : never;
}[keyof Events];

/** One row of a conversation's log, as a socket event or from `/chat/changes`: its name decides its data. */
export type LogEvent = { [Name in Logged]: { event: Name; seq: number; data: Events[Name] } }[Logged];
export type Changes = Omit<chat["schemas"]["Changes"], "events"> & { events: LogEvent[] };
