import { useRef, useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords } from "../../api/errors";
import type { User } from "../../api/types";
import { useLive } from "../../state/context";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { PeoplePicker } from "./people-picker";
import styles from "./people-dialog.module.css";

interface Props {
  conversationId: string;
  /** Who is in it, as far as known. */
  members: ReadonlySet<string>;
  onClose: () => void;
}

export function AddPeopleDialog({ conversationId, members, onClose }: Props): ReactElement {
  const { chat } = useLive();
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    let left = chosen;
    try {
      for (const user of chosen) {
        await chat.groups.add(conversationId, user.id);
        left = left.slice(1);
      }
      onClose();
    } catch (error) {
      // Whoever is in already need not be chosen again.
      setChosen(left);
      setProblem(inWords(error));
      setBusy(false);
    }
  }

  return (
    <Dialog title="Add people" onClose={onClose} first={field} busy={busy}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <PeoplePicker chosen={chosen} onChange={setChosen} without={members} field={field} />
        <div className={styles.foot}>
          <p role="alert">{problem}</p>
          <Button type="submit" busy={busy} disabled={busy || chosen.length === 0}>
            {chosen.length > 1 ? `Add ${chosen.length} people` : "Add"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
