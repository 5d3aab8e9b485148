import type { ReactElement } from "react";
import { Button } from "../../ui/button";
import type { Search } from "./use-search";
import styles from "./search.module.css";

interface Props {
  search: Search;
  words: string;
  /** The conversation that is searched; null for all of them. */
  title: string | null;
  onEverywhere: () => void;
}

/** What the search came to, in words where there is nothing to show, and always for those who hear it. */
export function Outcome({ search, words, title, onEverywhere }: Props): ReactElement {
  const { matches, current, cursor, problem } = search;
  const shown = matches.length > 0;
  const empty = current && !shown && problem === null && words !== "";
  return (
    <div className={shown && problem === null ? "visually-hidden" : styles.outcome} data-below={shown || undefined}>
      <div role="status">
        {words === "" ? (
          <Hints />
        ) : !current ? (
          <p className={styles.searching}>Searching…</p>
        ) : problem !== null ? (
          <p>{problem.text}</p>
        ) : shown ? (
          <p>{cursor === null ? found(matches.length) : `The newest ${found(matches.length)}`}</p>
        ) : (
          <>
            <p className={styles.none}>
              No message{title === null ? "" : " here"} says <bdi>“{words.replaceAll(/["“”]/gu, "")}”</bdi>
            </p>
            <p>Try fewer words, or only the beginning of one.</p>
          </>
        )}
      </div>
      {empty && title !== null && (
        <Button look="quiet" onClick={onEverywhere}>
          Search everywhere
        </Button>
      )}
      {current && problem?.again === true && (
        <Button look="quiet" onClick={search.tryAgain}>
          Try again
        </Button>
      )}
    </div>
  );
}

function found(count: number): string {
  return count === 1 ? "1 message" : `${count} messages`;
}

function Hints(): ReactElement {
  return (
    <dl className={styles.hints}>
      <dt>ferry fri</dt>
      <dd>messages with both: “ferry”, and a word that begins with “fri”</dd>
      <dt>&quot;see you there&quot;</dt>
      <dd>these words in a row</dd>
    </dl>
  );
}
