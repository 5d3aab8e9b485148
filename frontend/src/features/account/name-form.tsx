import { useState, type ReactElement, type SyntheticEvent } from "react";
import { inWords, problemOf } from "../../api/errors";
import type { User } from "../../api/types";
import { useClient, useLive } from "../../state/context";
import { Button } from "../../ui/button";
import { TextField } from "../../ui/text-field";
import styles from "./account-dialog.module.css";

export function NameForm({ me }: { me: User }): ReactElement {
  const { auth } = useClient();
  const { chat } = useLive();
  const [name, setName] = useState(me.name);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const same = name.trim() === me.name;

  async function submit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    if (name.trim() === "") {
      setProblem("Others need something to call you.");
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      const user = await auth.changeUser(me.id, { name: name.trim() });
      chat.event("user.changed", { user });
      setName(user.name);
      chat.notices.say("Your name is changed.");
    } catch (error) {
      setProblem(problemOf(error, "name") ?? inWords(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <form className={styles.section} onSubmit={(event) => void submit(event)} noValidate>
      <TextField label="Your name" name="name" autoComplete="name" maxLength={80} value={name} problem={problem} onChange={(event) => setName(event.target.value)} />
      <div className={styles.buttons}>
        <Button type="submit" look="quiet" busy={busy} disabled={busy || same}>
          Save name
        </Button>
      </div>
    </form>
  );
}
