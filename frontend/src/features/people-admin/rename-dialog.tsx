import { useRef, useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords, problemOf } from "../../api/errors";
import type { User } from "../../api/types";
import { useClient } from "../../state/context";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { TextField } from "../../ui/text-field";
import form from "../../ui/form.module.css";

interface Props {
  user: User;
  onRenamed: (user: User) => void;
  onClose: () => void;
}

export function RenameDialog({ user, onRenamed, onClose }: Props): ReactElement {
  const { auth } = useClient();
  const [name, setName] = useState(user.name);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const first = useRef<HTMLInputElement>(null);

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      onRenamed(await auth.changeUser(user.id, { name: name.trim() }));
      onClose();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  }

  return (
    <Dialog title={`Rename ${user.name}`} look="small" onClose={onClose} first={first} busy={busy}>
      <form className={form.body} onSubmit={(event) => void submit(event)} noValidate>
        <TextField
          ref={first}
          label="Name"
          autoComplete="off"
          maxLength={80}
          value={name}
          problem={error === null ? null : (problemOf(error, "name", "The name") ?? inWords(error))}
          onFocus={(event) => event.target.select()}
          onChange={(event) => setName(event.target.value)}
        />
        <div className={form.buttons}>
          <Button look="quiet" disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" busy={busy} disabled={busy || name.trim() === "" || name.trim() === user.name}>
            Rename
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
