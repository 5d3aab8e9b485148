import { useState, type KeyboardEvent, type ReactElement, type RefObject } from "react";
import type { User } from "../../api/types";
import { Avatar } from "../../ui/avatar";
import { Icon } from "../../ui/icon";
import { SearchField } from "../../ui/search-field";
import { useOptions } from "../../ui/use-options";
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
  const found = usePeople(text.trim());
  const users = (found?.users ?? []).filter((user) => without?.has(user.id) !== true);
  const options = useOptions(users);
  const { pointed } = options;
  const taken = new Set(chosen.map((user) => user.id));

  function toggle(user: User): void {
    onChange(taken.has(user.id) ? chosen.filter((one) => one.id !== user.id) : [...chosen, user]);
    setText("");
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing || options.onArrow(event)) return;
    if (event.key === "Enter") {
      // Never the form around: half a list of people is soon sent.
      event.preventDefault();
      if (pointed !== undefined && found?.query === text.trim()) toggle(pointed);
    } else if (event.key === "Backspace" && text === "") onChange(chosen.slice(0, -1));
  }

  return (
    <>
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
      <ul id={options.listId} className={styles.list} role="listbox" aria-label="People" aria-multiselectable="true">
        {users.map((user) => (
          <li
            key={user.id}
            id={options.optionId(user)}
            className={styles.person}
            role="option"
            aria-selected={taken.has(user.id)}
            data-active={user === pointed || undefined}
            onPointerMove={() => options.point(users.indexOf(user))}
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
