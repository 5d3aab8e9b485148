import { useEffect, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import type { Message } from "../../api/types";
import { Dialog } from "../../ui/dialog";
import { SearchField } from "../../ui/search-field";
import { useOptions } from "../../ui/use-options";
import { MatchList } from "./match-list";
import { Outcome } from "./outcome";
import { ScopeToggle } from "./scope-toggle";
import { useSearch } from "./use-search";
import styles from "./search.module.css";

const LONGEST = 200;

interface Props {
  /** The conversation that is open, to which the search can be kept. */
  here: { id: string; title: string } | null;
  /** Begins with that one. */
  scoped: boolean;
  /** What was looked for before: stays until something else is typed. */
  text: string;
  onText: (text: string) => void;
  onOpen: (message: Message) => void;
  onClose: () => void;
}

/** Finds what was said: words, beginnings of words, or "these words in a row". */
export function SearchDialog({ here, scoped, text, onText, onOpen, onClose }: Props): ReactElement {
  const [everywhere, setEverywhere] = useState(!scoped);
  const field = useRef<HTMLInputElement>(null);
  const words = text.trim();
  const within = everywhere ? null : (here?.id ?? null);
  const search = useSearch(words, within);
  const options = useOptions(search.matches.map(({ message }) => message), { wrap: false });

  useEffect(() => {
    field.current?.select();
  }, []);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing || options.onArrow(event)) return;
    if (event.key === "Enter" && search.current && options.pointed !== undefined) {
      event.preventDefault();
      onOpen(options.pointed);
    }
  }

  return (
    <Dialog title="Search messages" look="wide" onClose={onClose} first={field}>
      <SearchField
        {...options.field}
        ref={field}
        className={styles.field}
        aria-label="Search messages"
        placeholder="Words, or “words in a row”"
        enterKeyHint="search"
        maxLength={LONGEST}
        value={text}
        onChange={(event) => {
          onText(event.target.value);
          options.point(0);
        }}
        onKeyDown={onKeyDown}
      />
      {here !== null && (
        <ScopeToggle
          title={here.title}
          everywhere={everywhere}
          onChange={(next) => {
            setEverywhere(next);
            options.point(0);
            field.current?.focus();
          }}
        />
      )}
      <MatchList search={search} options={options} showPlace={everywhere} onOpen={onOpen} />
      <Outcome search={search} words={words} title={everywhere ? null : (here?.title ?? null)} onEverywhere={() => setEverywhere(true)} />
    </Dialog>
  );
}
