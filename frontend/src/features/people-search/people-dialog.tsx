import { useId, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import type { User } from "../../api/types";
import { useLive } from "../../state/context";
import { Avatar } from "../../ui/avatar";
import { Dialog } from "../../ui/dialog";
import { Icon } from "../../ui/icon";
import { useStore } from "../../ui/use-store";
import { Outcome } from "./outcome";
import { usePeople } from "./use-people";
import styles from "./people-dialog.module.css";

interface Props {
  onChoose: (user: User) => void;
  onGroup: () => void;
  onClose: () => void;
}

/** Finds somebody to write to. */
export function PeopleDialog({ onChoose, onGroup, onClose }: Props): ReactElement {
  const { chat } = useLive();
  const presence = useStore(chat.presence);
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  const found = usePeople(text.trim());
  const users = found?.users ?? [];
  const chosen = users[Math.min(active, users.length - 1)];

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
    <Dialog title="New message" onClose={onClose} first={field}>
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
        <button type="button" className={styles.group} onClick={onGroup}>
          <span className={styles.groupIcon}>
            <Icon name="people" size={18} />
          </span>
          New group
        </button>
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
    </Dialog>
  );
}
