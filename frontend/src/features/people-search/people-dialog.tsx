import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import type { User } from "../../api/types";
import { useLive } from "../../state/context";
import { Avatar } from "../../ui/avatar";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { useStore } from "../../ui/use-store";
import { usePeople, type Found } from "./use-people";
import styles from "./people-dialog.module.css";

interface Props {
  onChoose: (user: User) => void;
  onClose: () => void;
}

/** Finds somebody to write to. A native modal dialog: it traps focus, closes with Esc and gives the focus back. */
export function PeopleDialog({ onChoose, onClose }: Props): ReactElement {
  const { chat } = useLive();
  const presence = useStore(chat.presence);
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  const found = usePeople(text.trim());
  const users = found?.users ?? [];
  const chosen = users[Math.min(active, users.length - 1)];

  useEffect(() => {
    dialog.current?.showModal();
    // React's autoFocus came before the dialog was open, and opening gives the focus to its first button.
    field.current?.focus();
  }, []);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    const steps: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1 };
    const step = steps[event.key];
    if (step !== undefined && users.length > 0) {
      event.preventDefault();
      const next = (step + users.length) % users.length;
      setActive(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && chosen !== undefined && found?.query === text.trim()) {
      event.preventDefault();
      onChoose(chosen);
    }
  }

  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby={`${id}-title`}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
    >
      <div className={styles.inside}>
        <div className={styles.top}>
          <h2 id={`${id}-title`} className={styles.title}>
            New message
          </h2>
          <Button look="icon" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </Button>
        </div>
        <div className={styles.field}>
          <Icon name="search" size={19} />
          <input
            ref={field}
            role="combobox"
            aria-label="Find people"
            aria-autocomplete="list"
            aria-expanded={users.length > 0}
            aria-controls={`${id}-list`}
            aria-activedescendant={chosen === undefined ? undefined : `${id}-${chosen.id}`}
            placeholder="Name or e-mail address"
            autoComplete="off"
            spellCheck={false}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setActive(0);
            }}
            onKeyDown={onKeyDown}
          />
        </div>
        <ul ref={list} id={`${id}-list`} className={styles.list} role="listbox" aria-label="People">
          {users.map((user) => (
            <li
              key={user.id}
              id={`${id}-${user.id}`}
              className={styles.person}
              role="option"
              aria-selected={user === chosen}
              onPointerMove={() => setActive(users.indexOf(user))}
              onClick={() => onChoose(user)}
            >
              <Avatar id={user.id} name={user.name} size="small" online={presence.get(user.id)?.online === true} />
              <bdi>{user.name}</bdi>
            </li>
          ))}
        </ul>
        <Outcome found={found} />
      </div>
    </dialog>
  );
}

function Outcome({ found }: { found: Found | null }): ReactElement {
  let words: string | null = null;
  if (found === null) words = "Looking…";
  else if (found.problem !== null) words = found.problem;
  else if (found.users.length === 0 && found.query === "") words = "Nobody else is here yet. Invite somebody by sending them this page’s address.";
  else if (found.users.length === 0) words = `Nobody called “${found.query}”. A full e-mail address finds people too.`;
  return (
    <p className={words === null ? "visually-hidden" : styles.outcome} role="status">
      {words ?? `${found?.users.length ?? 0} found`}
    </p>
  );
}
