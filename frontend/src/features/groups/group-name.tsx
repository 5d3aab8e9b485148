import { useRef, useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords, problemOf } from "../../api/errors";
import { useLive } from "../../state/context";
import { titleOf, type Summary } from "../../state/summary";
import { Button } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { TextField } from "../../ui/text-field";
import styles from "./group-panel.module.css";

/** The group's name, which its owners may change. */
export function GroupName({ summary, editable }: { summary: Summary; editable: boolean }): ReactElement {
  const { chat } = useLive();
  const [text, setText] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const button = useRef<HTMLButtonElement>(null);

  function stop(): void {
    setText(null);
    setProblem(null);
    setTimeout(() => button.current?.focus());
  }

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    const name = (text ?? "").trim();
    if (name === "" || name === summary.name) {
      stop();
      return;
    }
    setBusy(true);
    try {
      await chat.groups.rename(summary.id, name);
      stop();
    } catch (error) {
      setProblem(problemOf(error, "name", "The name") ?? inWords(error));
    } finally {
      setBusy(false);
    }
  }

  if (text === null) {
    return (
      <p className={styles.name}>
        <bdi>{titleOf(summary)}</bdi>
        {editable && (
          <Button ref={button} look="icon" aria-label="Rename the group" onClick={() => setText(titleOf(summary))}>
            <Icon name="edit" size={18} />
          </Button>
        )}
      </p>
    );
  }
  return (
    <form
      className={styles.rename}
      noValidate
      onSubmit={(event) => void submit(event)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        stop();
      }}
    >
      <TextField label="Group name" maxLength={80} autoComplete="off" autoFocus value={text} problem={problem} onFocus={(event) => event.target.select()} onChange={(event) => setText(event.target.value)} />
      <div className={styles.buttons}>
        <Button look="quiet" onClick={stop}>
          Cancel
        </Button>
        <Button type="submit" busy={busy} disabled={busy}>
          Save
        </Button>
      </div>
    </form>
  );
}
