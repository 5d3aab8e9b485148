import { useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import type { User } from "../../api/types";
import { useLive } from "../../state/context";
import { Avatar } from "../../ui/avatar";
import { Dialog } from "../../ui/dialog";
import { Icon } from "../../ui/icon";
import { SearchField } from "../../ui/search-field";
import { useOptions } from "../../ui/use-options";
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
  const field = useRef<HTMLInputElement>(null);
  const found = usePeople(text.trim());
  const users = found?.users ?? [];
  const options = useOptions(users);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing || options.onArrow(event)) return;
    if (event.key === "Enter" && options.pointed !== undefined && found?.query === text.trim()) {
      event.preventDefault();
      onChoose(options.pointed);
    }
  }

  return (
    <Dialog title="New message" onClose={onClose} first={field}>
        <SearchField
          {...options.field}
          ref={field}
          className={styles.field}
          aria-label="Find people"
          placeholder="Name or e-mail address"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            options.point(0);
          }}
          onKeyDown={onKeyDown}
        />
        <button type="button" className={styles.group} onClick={onGroup}>
          <span className={styles.groupIcon}>
            <Icon name="people" size={18} />
          </span>
          New group
        </button>
        <ul id={options.listId} className={styles.list} role="listbox" aria-label="People">
          {users.map((user) => (
            <li
              key={user.id}
              id={options.optionId(user)}
              className={styles.person}
              role="option"
              aria-selected={user === options.pointed}
              onPointerMove={() => options.point(users.indexOf(user))}
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
