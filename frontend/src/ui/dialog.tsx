import { useEffect, useId, useRef, type ReactElement, type ReactNode, type RefObject } from "react";
import { Button } from "./button";
import { Icon } from "./icon";
import styles from "./dialog.module.css";

interface Props {
  title: string;
  onClose: () => void;
  /** `drawer` stands at the right edge, for what belongs to the page beside it; `small` is no page of its own on phones. */
  look?: "plain" | "wide" | "drawer" | "small";
  /** What has the focus at first; else the browser chooses. */
  first?: RefObject<HTMLElement | null>;
  /** Stays open, whatever is pressed. */
  busy?: boolean;
  children: ReactNode;
}

/** A native modal dialog: it traps focus, closes with Esc and gives the focus back. */
export function Dialog({ title, onClose, look = "plain", first, busy = false, children }: Props): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    dialog.current?.showModal();
    // React's autoFocus came before the dialog was open, and opening gives the focus to its first button.
    first?.current?.focus();
  }, [first]);

  return (
    <dialog
      ref={dialog}
      className={`${styles.dialog} ${styles[look]}`}
      aria-labelledby={id}
      onCancel={(event) => busy && event.preventDefault()}
      onClose={(event) => event.target === dialog.current && onClose()}
      onClick={(event) => !busy && event.target === dialog.current && dialog.current.close()}
    >
      <div className={styles.inside}>
        <div className={styles.top}>
          <h2 id={id} className={styles.title}>
            {title}
          </h2>
          <Button look="icon" aria-label="Close" disabled={busy} onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </Button>
        </div>
        {children}
      </div>
    </dialog>
  );
}
