import { useRef, useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords, problemOf } from "../../api/errors";
import type { User } from "../../api/types";
import { newId } from "../../lib/ids";
import { useLive } from "../../state/context";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { TextField } from "../../ui/text-field";
import { PeoplePicker } from "./people-picker";
import styles from "./people-dialog.module.css";

interface Props {
  onCreated: (conversationId: string) => void;
  onClose: () => void;
}

/** A name and some people make a group; whoever makes it owns it. */
export function GroupDialog({ onCreated, onClose }: Props): ReactElement {
  const { chat } = useLive();
  const [id] = useState(newId);
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<{ name: string | null; form: string | null }>({ name: null, form: null });
  const first = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    if (name.trim() === "") {
      setProblem({ name: "Give the group a name.", form: null });
      first.current?.focus();
      return;
    }
    setBusy(true);
    setProblem({ name: null, form: null });
    try {
      onCreated(await chat.groups.create(id, name.trim(), chosen.map((user) => user.id)));
    } catch (error) {
      const about = problemOf(error, "name", "The name");
      setProblem({ name: about, form: about === null ? inWords(error) : null });
      setBusy(false);
    }
  }

  return (
    <Dialog title="New group" onClose={onClose} first={first} busy={busy}>
      <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
        <div className={styles.name}>
          <TextField ref={first} label="Group name" maxLength={80} autoComplete="off" value={name} problem={problem.name} onChange={(event) => setName(event.target.value)} />
        </div>
        <PeoplePicker chosen={chosen} onChange={setChosen} field={field} />
        <div className={styles.foot}>
          <p role="alert">{problem.form}</p>
          <Button type="submit" busy={busy} disabled={busy}>
            {chosen.length === 0 ? "Create group" : `Create group of ${chosen.length + 1}`}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
