import { useId, useRef, useState, type KeyboardEvent, type ReactElement, type RefObject } from "react";
import type { User } from "../../api/types";
import { Avatar } from "../../ui/avatar";
import { Icon } from "../../ui/icon";
import { Outcome } from "./outcome";
import { usePeople } from "./use-people";
import styles from "./people-dialog.module.css";

interface Props {
  chosen: readonly User[];
  onChange: (chosen: User[]) => void;
  /** Who cannot be chosen, being in already. */
  without?: ReadonlySet<string>;
  field: RefObject<HTMLInputElement | null>;
}

/** Finds several people: Enter takes one, Backspace in the empty field gives the last one back. */
export function PeoplePicker({ chosen, onChange, without, field }: Props): ReactElement {
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  const found = usePeople(text.trim());
  const users = (found?.users ?? []).filter((user) => without?.has(user.id) !== true);
  const pointed = users[Math.min(active, users.length - 1)];
  const taken = new Set(chosen.map((user) => user.id));

  function toggle(user: User): void {
    onChange(taken.has(user.id) ? chosen.filter((one) => one.id !== user.id) : [...chosen, user]);
    setText("");
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    const steps: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1 };
    const step = steps[event.key];
    if (step !== undefined && users.length > 0) {
      event.preventDefault();
      const next = (step + users.length) % users.length;
      setActive(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      // Never the form around: half a list of people is soon sent.
      event.preventDefault();
      if (pointed !== undefined && found?.query === text.trim()) toggle(pointed);
    } else if (event.key === "Backspace" && text === "") onChange(chosen.slice(0, -1));
  }

  return (
    <>
      <div className={styles.field}>
        <Icon name="search" size={19} />
        <input
          ref={field}
          role="combobox"
          aria-label="Find people"
          aria-autocomplete="list"
          aria-expanded={users.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={pointed === undefined ? undefined : `${id}-${pointed.id}`}
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
      {chosen.length > 0 && (
        <ul className={styles.chips} aria-label="Chosen">
          {chosen.map((user) => (
            <li key={user.id}>
              <button type="button" className={styles.chip} aria-label={`Take ${user.name} out`} onClick={() => toggle(user)}>
                <bdi>{user.name}</bdi>
                <Icon name="close" size={14} />
              </button>
            </li>
          ))}
        </ul>
      )}
      <ul ref={list} id={`${id}-list`} className={styles.list} role="listbox" aria-label="People" aria-multiselectable="true">
        {users.map((user) => (
          <li
            key={user.id}
            id={`${id}-${user.id}`}
            className={styles.person}
            role="option"
            aria-selected={taken.has(user.id)}
            data-active={user === pointed || undefined}
            onPointerMove={() => setActive(users.indexOf(user))}
            onClick={() => toggle(user)}
          >
            <Avatar id={user.id} name={user.name} size="small" />
            <bdi className={styles.personName}>{user.name}</bdi>
            {taken.has(user.id) && <Icon name="check" size={18} />}
          </li>
        ))}
      </ul>
      <Outcome found={found && { ...found, users }} />
    </>
  );
}
