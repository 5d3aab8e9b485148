import { useEffect, useMemo, useState } from "react";
import { inWords } from "../../api/errors";
import type { User } from "../../api/types";
import { useClient, useLive } from "../../state/context";
import { useStore } from "../../ui/use-store";

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
  const people = useStore(chat.people);
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(
      () => {
        auth.users(query, stop.signal).then(
          (page) => {
            chat.people.learn(page.users);
            if (!stop.signal.aborted) setFound({ query, users: page.users, problem: null });
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
  return useMemo(() => found && { ...found, users: found.users.flatMap((user) => asKnown(people, user, chat.me.id)) }, [found, people, chat]);
}

/** The person as we have heard of them since; nobody where there is nobody to write to. */
function asKnown(people: ReadonlyMap<string, User>, user: User, me: string): User[] {
  const now = people.get(user.id) ?? user;
  return now.id === me || now.deleted_at !== null ? [] : [now];
}
