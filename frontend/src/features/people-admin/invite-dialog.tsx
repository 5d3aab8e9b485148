import { useRef, useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords, problemOf } from "../../api/errors";
import type { User } from "../../api/types";
import { useClient, useLive } from "../../state/context";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { TextField } from "../../ui/text-field";
import form from "../../ui/form.module.css";

interface Props {
  onInvited: (user: User) => void;
  onClose: () => void;
}

/** Makes an account for somebody, who gets a mail with a link. */
export function InviteDialog({ onInvited, onClose }: Props): ReactElement {
  const { auth } = useClient();
  const { chat } = useLive();
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const first = useRef<HTMLInputElement>(null);
  const about = { email: problemOf(error, "email", "The address"), name: problemOf(error, "name", "The name") };

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      onInvited(await auth.invite(email.trim(), name.trim()));
      chat.notices.say(`${email.trim()} is invited by mail.`);
      onClose();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  }

  return (
    <Dialog title="Invite somebody" look="small" onClose={onClose} first={first} busy={busy}>
      <form className={form.body} onSubmit={(event) => void submit(event)} noValidate>
        <TextField ref={first} label="Email address" type="email" autoComplete="off" placeholder="cho@example.org" value={email} problem={about.email} onChange={(event) => setEmail(event.target.value)} />
        <TextField
          label="Name"
          autoComplete="off"
          maxLength={80}
          hint="They can change it. Left empty, it is made from the address."
          value={name}
          problem={about.name ?? (error !== null && about.email === null ? inWords(error) : null)}
          onChange={(event) => setName(event.target.value)}
        />
        <div className={form.buttons}>
          <Button look="quiet" disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" busy={busy} disabled={busy || email.trim() === ""}>
            Invite
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
