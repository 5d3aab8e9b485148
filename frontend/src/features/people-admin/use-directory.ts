import { useCallback, useEffect, useRef, useState } from "react";
import { inWords } from "../../api/errors";
import type { User } from "../../api/types";
import { useClient } from "../../state/context";

const PAGE = 50;
const TYPING_PAUSE_MS = 200;

export interface Directory {
  users: readonly User[];
  more: boolean;
  busy: boolean;
  problem: string | null;
  loadMore: () => void;
  /** Takes somebody's new state, or a newcomer, in. */
  put: (user: User) => void;
  drop: (id: string) => void;
}

interface State {
  query: string;
  users: readonly User[];
  cursor: string | null;
  busy: boolean;
  problem: string | null;
}

/** Everybody with an account whose name matches, page by page. */
export function useDirectory(query: string): Directory {
  const { auth } = useClient();
  const [state, setState] = useState<State>({ query: "", users: [], cursor: null, busy: true, problem: null });
  const running = useRef<AbortController | null>(null);

  const read = useCallback(
    (asked: string, cursor: string | null): void => {
      running.current?.abort();
      const stop = new AbortController();
      running.current = stop;
      setState((held) => ({ ...held, busy: true, problem: null }));
      auth.users(asked, stop.signal, cursor, PAGE).then(
        (page) => {
          if (!stop.signal.aborted) setState((held) => ({ query: asked, users: cursor === null ? page.users : [...held.users, ...page.users], cursor: page.next_cursor, busy: false, problem: null }));
        },
        (error: unknown) => {
          if (!stop.signal.aborted) setState((held) => ({ ...held, busy: false, problem: inWords(error) }));
        },
      );
    },
    [auth],
  );

  useEffect(() => {
    const timer = setTimeout(() => read(query, null), query === "" ? 0 : TYPING_PAUSE_MS);
    return () => {
      clearTimeout(timer);
      running.current?.abort();
    };
  }, [read, query]);

  return {
    users: state.users,
    more: state.cursor !== null,
    busy: state.busy,
    problem: state.problem,
    loadMore: () => read(state.query, state.cursor),
    put: (user) =>
      setState((held) => ({ ...held, users: held.users.some((one) => one.id === user.id) ? held.users.map((one) => (one.id === user.id ? user : one)) : [user, ...held.users] })),
    drop: (id) => setState((held) => ({ ...held, users: held.users.filter((one) => one.id !== id) })),
  };
}
