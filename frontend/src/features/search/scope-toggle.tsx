import { useId, type ReactElement } from "react";
import styles from "./search.module.css";

interface Props {
  /** The conversation's. */
  title: string;
  everywhere: boolean;
  onChange: (everywhere: boolean) => void;
}

export function ScopeToggle({ title, everywhere, onChange }: Props): ReactElement {
  const name = useId();
  return (
    <fieldset className={styles.scope}>
      <legend className="visually-hidden">Where to search</legend>
      <label>
        <input type="radio" name={name} checked={everywhere} onChange={() => onChange(true)} />
        <span>Everywhere</span>
      </label>
      <label>
        <input type="radio" name={name} checked={!everywhere} onChange={() => onChange(false)} />
        <span>
          Only in <bdi>{title}</bdi>
        </span>
      </label>
    </fieldset>
  );
}
