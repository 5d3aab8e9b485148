import type { InputHTMLAttributes, ReactElement, Ref } from "react";
import { Icon } from "./icon";
import styles from "./search-field.module.css";

type Props = InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> };

/** A field for what is looked for; its label is heard, not seen. */
export function SearchField({ className = "", ...rest }: Props): ReactElement {
  return (
    <div className={`${styles.field} ${className}`}>
      <Icon name="search" size={19} />
      <input type="text" autoComplete="off" spellCheck={false} {...rest} />
    </div>
  );
}
