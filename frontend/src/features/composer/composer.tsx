import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactElement, type ReactNode } from "react";
import { cleanContent, codePoints, CONTENT_LIMIT } from "../../lib/text";
import { Icon } from "../../ui/icon";
import { drafts } from "./drafts";
import styles from "./composer.module.css";

const COUNTER_FROM = CONTENT_LIMIT - 500;

interface Props {
  /** Whose draft this is, and of which conversation. */
  owner: string;
  lane: string;
  to: string;
  onSend: (content: string) => void;
  onTyping: () => void;
  /** The text to change, instead of the draft of a new one. */
  editing?: string | undefined;
  /** What is being answered or changed. */
  above?: ReactNode;
  /** Esc, while there is something above. */
  onCancel?: (() => void) | undefined;
  /** The arrow up in an empty field. */
  onEditLast?: (() => void) | undefined;
}

/** Where messages are written: Enter sends, Shift+Enter breaks the line. */
export function Composer({ owner, lane, to, onSend, onTyping, editing, above, onCancel, onEditLast }: Props): ReactElement {
  const [text, setText] = useState(() => editing ?? drafts.read(owner, lane));
  const field = useRef<HTMLTextAreaElement>(null);
  const length = text.length > COUNTER_FROM ? codePoints(text) : text.length;
  const sendable = text.trim() !== "" && length <= CONTENT_LIMIT;

  useLayoutEffect(() => {
    const area = field.current;
    if (area === null) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);

  // On a phone the keyboard would cover half of what was just opened, unless it was asked for.
  const asked = onCancel !== undefined;
  useEffect(() => {
    if (asked || matchMedia("(hover: hover)").matches) field.current?.focus();
  }, [asked]);

  function change(next: string): void {
    setText(next);
    if (editing !== undefined) return;
    drafts.keep(owner, lane, next);
    if (next.trim() !== "") onTyping();
  }

  function send(): void {
    if (!sendable) return;
    if (editing === undefined) change("");
    onSend(cleanContent(text));
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    // While an input method composes, Enter chooses a candidate; Safari says so only by its key code 229.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const composing = event.nativeEvent.isComposing || event.nativeEvent.keyCode === 229;
    if (composing || event.shiftKey || event.altKey) return;
    if (event.key === "Enter") send();
    else if (event.key === "Escape" && onCancel !== undefined) onCancel();
    else if (event.key === "ArrowUp" && text === "" && onEditLast !== undefined) onEditLast();
    else return;
    event.preventDefault();
  }

  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {above}
      <div className={styles.box}>
        <textarea
          ref={field}
          className={styles.field}
          aria-label="Message"
          aria-describedby={length > COUNTER_FROM ? "composer-count" : undefined}
          aria-invalid={length > CONTENT_LIMIT}
          placeholder={editing === undefined ? `Write to ${to}` : "What it shall say"}
          rows={1}
          dir="auto"
          enterKeyHint="send"
          value={text}
          onChange={(event) => change(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className={styles.send} aria-label={editing === undefined ? "Send" : "Save"} disabled={!sendable}>
          <Icon name={editing === undefined ? "send" : "check"} />
        </button>
      </div>
      <Counter length={length} />
    </form>
  );
}

function characters(count: number): string {
  return `${count.toLocaleString()} ${count === 1 ? "character" : "characters"}`;
}

function Counter({ length }: { length: number }): ReactElement | null {
  if (length <= COUNTER_FROM) return null;
  const left = CONTENT_LIMIT - length;
  return (
    <p id="composer-count" className={left < 0 ? `${styles.count} ${styles.over}` : styles.count} role="status">
      {left < 0 ? `${characters(-left)} too many` : `${characters(left)} left`}
    </p>
  );
}
