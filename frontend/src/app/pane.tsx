import { useEffect, useState, type ReactElement } from "react";
import { PeopleScreen } from "../features/people-admin/people-screen";
import { TimelineSkeleton } from "../features/timeline/timeline-skeleton";
import { getRouter, paths, type Route } from "../lib/router";
import { useClient, useLive } from "../state/context";
import type { Summary } from "../state/summary";
import { useStore } from "../ui/use-store";
import { ConversationPane } from "./conversation-pane";
import { Missing, Welcome } from "./welcome";

interface Props {
  route: Route;
  onNew: () => void;
  onDetails: (conversationId: string) => void;
  onSearch: () => void;
}

/** What the address asks for: nothing yet, a conversation, or a person to write to. */
export function Pane({ route, onNew, onDetails, onSearch }: Props): ReactElement {
  const summary = useSummary(route);
  const person = usePerson(route, summary);
  const { chat } = useLive();
  const state = useStore(useClient().session);
  if (route.page === "people") return state.status === "signed-in" && state.user.role === "admin" ? <PeopleScreen /> : <Missing />;
  if (route.page === "chat") return <Welcome onNew={onNew} />;
  if (summary !== null) {
    // One key for a direct conversation before and after its first message: the composer keeps text and focus.
    const lane = summary.peer === null ? `conversation:${summary.id}` : `user:${summary.peer.id}`;
    return <ConversationPane key={lane} lane={lane} summary={summary} person={summary.peer} messageId={route.page === "conversation" ? (route.message ?? null) : null} onDetails={onDetails} onSearch={onSearch} />;
  }
  if (person.status === "new" && route.page === "person") {
    const lane = `user:${route.userId}`;
    return <ConversationPane key={lane} lane={lane} summary={null} person={person.user} messageId={null} onDetails={onDetails} onSearch={onSearch} />;
  }
  const former = route.page === "conversation" ? chat.conversations.formerName(route.id) : null;
  if (former !== null) return <Missing former={former} />;
  return person.status === "missing" ? <Missing /> : <TimelineSkeleton />;
}

function useSummary(route: Route): Summary | null {
  const { chat } = useLive();
  const { list } = useStore(chat.conversations);
  if (route.page === "conversation") return list.find((summary) => summary.id === route.id) ?? null;
  return route.page === "person" ? chat.conversations.findDirect(route.userId) : null;
}

type Person = { status: "looking" | "missing" } | { status: "new"; user: Parameters<typeof ConversationPane>[0]["person"] };

/** Looks up what the list does not hold (yet), and moves to the conversation's own address once there is one. */
function usePerson(route: Route, summary: Summary | null): Person {
  const { chat } = useLive();
  const [person, setPerson] = useState<Person & { for?: string }>({ status: "looking" });
  const key = route.page === "conversation" ? route.id : route.page === "person" ? route.userId : "";
  const found = summary?.id;

  useEffect(() => {
    if (found !== undefined && route.page === "person") getRouter().go(paths.conversation(found), { replace: true });
  }, [found, route]);

  useEffect(() => {
    // Of what we were taken out of a moment ago there is nothing to ask.
    if (found !== undefined || key === "" || chat.conversations.formerName(key) !== null) return;
    let gone = false;
    const settle = (next: Person): void => {
      if (!gone) setPerson({ ...next, for: key });
    };
    const look = async (): Promise<Person> => {
      if (route.page === "conversation") return (await chat.conversations.ensure(key)) === null ? { status: "missing" } : { status: "looking" };
      if (key === chat.me.id) return { status: "missing" };
      const [user, existing] = await Promise.all([chat.people.get(key), chat.findDirect(key)]);
      if (existing !== null) return { status: "looking" };
      return user.deleted_at === null ? { status: "new", user } : { status: "missing" };
    };
    look().then(settle, (error: unknown) => settle({ status: isGone(error) ? "missing" : "looking" }));
    return () => {
      gone = true;
    };
  }, [chat, key, found, route.page]);

  return person.for === key ? person : { status: "looking" };
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "status" in error && (error.status === 404 || error.status === 422);
}
