import { useEffect, useRef, type ReactElement } from "react";
import type { Message } from "../../api/types";
import { useLive } from "../../state/context";
import { Spinner } from "../../ui/button";
import type { Options } from "../../ui/use-options";
import { useStore } from "../../ui/use-store";
import { MatchRow } from "./match-row";
import type { Search } from "./use-search";
import styles from "./search.module.css";

const NEAR_PX = 300;

interface Props {
  search: Search;
  options: Options<Message>;
  showPlace: boolean;
  onOpen: (message: Message) => void;
}

/** What was found, newest first; more of it comes when its end is near. */
export function MatchList({ search, options, showPlace, onOpen }: Props): ReactElement {
  const { chat } = useLive();
  const people = useStore(chat.people);
  const { list: conversations } = useStore(chat.conversations);
  const scroller = useRef<HTMLDivElement>(null);
  const { matches, current, cursor, loadMore } = search;
  const now = new Date();

  function lookDown(): void {
    const view = scroller.current;
    if (view !== null && view.scrollHeight - view.clientHeight - view.scrollTop < NEAR_PX) loadMore();
  }

  // A tall screen may not even be filled by one page.
  useEffect(lookDown);

  useEffect(() => {
    if (scroller.current !== null) scroller.current.scrollTop = 0;
  }, [search.words, search.within]);

  return (
    <div ref={scroller} className={styles.results} onScroll={lookDown} data-stale={!current || undefined}>
      <ul id={options.listId} role="listbox" aria-label="Messages found" aria-busy={search.busy}>
        {matches.map(({ message, highlights }, index) => (
          <MatchRow
            key={message.id}
            id={options.optionId(message)}
            message={message}
            highlights={highlights}
            sender={people.get(message.sender_id)?.name ?? "Somebody"}
            own={message.sender_id === chat.me.id}
            conversation={showPlace ? (conversations.find(({ id }) => id === message.conversation_id) ?? null) : null}
            now={now}
            selected={message === options.pointed}
            onPoint={() => options.point(index)}
            onOpen={() => onOpen(message)}
          />
        ))}
      </ul>
      {cursor !== null && search.busy && current && (
        <div className={styles.more}>
          <Spinner />
        </div>
      )}
    </div>
  );
}
