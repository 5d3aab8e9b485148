import { useCallback, useEffect, useRef, useState } from "react";
import { inWords, problemOf } from "../../api/errors";
import type { Match } from "../../api/types";
import { useLive } from "../../state/context";

const TYPING_PAUSE_MS = 200;

interface Found {
  /** What was asked for, and where; null before the first answer. */
  words: string | null;
  within: string | null;
  matches: readonly Match[];
  cursor: string | null;
  /** `again`: asking once more may help. */
  problem: { text: string; again: boolean } | null;
}

export interface Search extends Found {
  /** What is found is what is asked for now; else it stays until that is here. */
  current: boolean;
  busy: boolean;
  /** Reads the next page, if there is one. */
  loadMore: () => void;
  tryAgain: () => void;
}

const NOTHING: Found = { words: null, within: null, matches: [], cursor: null, problem: null };

/** Messages with these words, in one conversation or in all, page by page. */
export function useSearch(words: string, within: string | null): Search {
  const { chat } = useLive();
  const [found, setFound] = useState(NOTHING);
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController | null>(null);

  const read = useCallback(
    (asked: string, place: string | null, cursor: string | null): void => {
      running.current?.abort();
      const stop = new AbortController();
      running.current = stop;
      setBusy(true);
      chat.search(asked, place, cursor, stop.signal).then(
        (page) => {
          if (stop.signal.aborted) return;
          setBusy(false);
          setFound((held) => ({ words: asked, within: place, matches: cursor === null ? page.matches : [...held.matches, ...page.matches], cursor: page.next_cursor, problem: null }));
        },
        (error: unknown) => {
          if (stop.signal.aborted) return;
          setBusy(false);
          const problem = problemOf(error, "q") === null ? { text: inWords(error), again: true } : { text: "There is nothing in this to look for. Type a word, or the beginning of one.", again: false };
          setFound((held) => (cursor === null ? { ...NOTHING, words: asked, within: place, problem } : { ...held, problem }));
        },
      );
    },
    [chat],
  );

  useEffect(() => {
    const timer = setTimeout(() => (words === "" ? setFound(NOTHING) : read(words, within, null)), words === "" ? 0 : TYPING_PAUSE_MS);
    return () => {
      clearTimeout(timer);
      running.current?.abort();
      setBusy(false);
    };
  }, [read, words, within]);

  const current = found.words === words && found.within === within;
  return {
    ...found,
    current,
    busy,
    loadMore: () => {
      if (current && !busy && found.cursor !== null && found.problem === null) read(words, within, found.cursor);
    },
    tryAgain: () => read(words, within, current ? found.cursor : null),
  };
}
