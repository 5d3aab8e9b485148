import { useEffect, useState } from "react";
import { inWords } from "../../api/errors";
import type { User } from "../../api/types";
import { useClient, useLive } from "../../state/context";

const TYPING_PAUSE_MS = 150;

export interface Found {
  query: string;
  users: readonly User[];
  problem: string | null;
}

/** People matching a name, or an exact address. The last answer stays while the next is on its way; null before the first. */
export function usePeople(query: string): Found | null {
  const { auth } = useClient();
  const { chat } = useLive();
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(
      () => {
        auth.users(query, stop.signal).then(
          (page) => {
            const users = page.users.filter((user) => user.id !== chat.me.id && user.deleted_at === null);
            chat.people.learn(users);
            if (!stop.signal.aborted) setFound({ query, users, problem: null });
          },
          (error: unknown) => {
            if (!stop.signal.aborted) setFound({ query, users: [], problem: inWords(error) });
          },
        );
      },
      query === "" ? 0 : TYPING_PAUSE_MS,
    );
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [auth, chat, query]);
  return found;
}
