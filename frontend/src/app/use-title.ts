import { useEffect } from "react";
import type { Route } from "../lib/router";
import { useLive } from "../state/context";
import { titleOf } from "../state/summary";
import { useStore } from "../ui/use-store";

/** The tab's title: unread messages first, then whom we are talking to. */
export function useTitle(route: Route): void {
  const { chat } = useLive();
  const { list } = useStore(chat.conversations);
  const people = useStore(chat.people);
  const unread = list.reduce((sum, summary) => sum + (summary.muted ? 0 : summary.unread), 0);
  const open = route.page === "conversation" ? list.find((summary) => summary.id === route.id) : undefined;
  const name = route.page === "people" ? "People" : open !== undefined ? titleOf(open) : route.page === "person" ? people.get(route.userId)?.name : undefined;
  useEffect(() => {
    const count = unread === 0 ? "" : `(${unread > 99 ? "99+" : unread}) `;
    document.title = `${count}${name === undefined ? "" : `${name} · `}Pulse`;
  }, [unread, name]);
}
