import { useRef, useState, type ReactElement, type ReactNode } from "react";
import { Button } from "./button";
import { Dialog } from "./dialog";
import styles from "./form.module.css";

interface Props {
  title: string;
  /** The button's word: what will happen. */
  action: string;
  danger?: boolean;
  /** Must be typed before the button works. */
  typed?: { word: string; label: string };
  /** Answers what went wrong, null when it is done. */
  onConfirm: () => Promise<string | null>;
  onClose: () => void;
  children: ReactNode;
}

/** Asks once more before something that cannot be taken back. */
export function Confirm({ title, action, danger = true, typed, onConfirm, onClose, children }: Props): ReactElement {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const ready = typed === undefined || text.trim().toLowerCase() === typed.word.toLowerCase();

  async function confirm(): Promise<void> {
    if (!ready || busy) return;
    setBusy(true);
    setProblem(null);
    const said = await onConfirm();
    setBusy(false);
    if (said === null) onClose();
    else setProblem(said);
  }

  return (
    <Dialog title={title} look="small" onClose={onClose} busy={busy} first={typed === undefined ? cancel : field}>
      <form
        className={styles.body}
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <div className={styles.words}>{children}</div>
        {typed !== undefined && (
          <label className={styles.labelled}>
            <span className={styles.label}>{typed.label}</span>
            <input ref={field} className={styles.field} autoComplete="off" autoCapitalize="none" spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
          </label>
        )}
        <p className={styles.problem} role="alert">
          {problem}
        </p>
        <div className={styles.buttons}>
          <Button ref={cancel} look="quiet" disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" look={danger ? "danger" : "primary"} busy={busy} disabled={busy || !ready}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
