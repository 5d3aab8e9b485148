import { useEffect, useState, type ReactElement } from "react";
import { inWords } from "../../api/errors";
import type { User } from "../../api/types";
import { useClient } from "../../state/context";
import { Avatar } from "../../ui/avatar";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/confirm";
import { Dialog } from "../../ui/dialog";
import { NameForm } from "./name-form";
import { PasswordForm } from "./password-form";
import styles from "./account-dialog.module.css";

interface Props {
  me: User;
  email: string | null;
  onSignOut: (scope: "local" | "global" | "gone") => Promise<void>;
  onClose: () => void;
}

/** One's own account: the name, the password, and the ways out. */
export function AccountDialog({ me, email, onSignOut, onClose }: Props): ReactElement {
  const { auth } = useClient();
  const [offersPassword, setOffersPassword] = useState(false);
  const [asking, setAsking] = useState<"local" | "global" | "delete" | null>(null);

  useEffect(() => {
    auth.methods().then(
      (methods) => setOffersPassword(methods.password),
      () => undefined, // an older server knows no passwords either
    );
  }, [auth]);

  const deletion = email === null ? { word: "delete", label: "Type “delete” to go on" } : { word: email, label: "Type your e-mail address to go on" };
  return (
    <Dialog title="Your account" look="drawer" onClose={onClose}>
      <div className={styles.inside}>
        <div className={styles.who}>
          <Avatar id={me.id} name={me.name} size="large" />
          <p className={styles.email}>{email}</p>
        </div>
        <NameForm me={me} />
        {offersPassword && <PasswordForm email={email} />}
        <section className={styles.section} aria-labelledby="account-sessions">
          <h3 id="account-sessions">Sign out</h3>
          <div className={styles.buttons}>
            <Button look="quiet" onClick={() => setAsking("local")}>
              On this device
            </Button>
            <Button look="quiet" onClick={() => setAsking("global")}>
              Everywhere
            </Button>
          </div>
        </section>
        <section className={styles.section} aria-labelledby="account-end">
          <h3 id="account-end">Delete account</h3>
          <p className={styles.words}>Your messages stay, under “Deleted user”. You can’t come back to them.</p>
          <Button look="danger" onClick={() => setAsking("delete")}>
            Delete my account
          </Button>
        </section>
      </div>
      {(asking === "local" || asking === "global") && (
        <Confirm
          title={asking === "local" ? "Sign out here?" : "Sign out everywhere?"}
          action="Sign out"
          danger={false}
          onClose={() => setAsking(null)}
          onConfirm={() => onSignOut(asking).then(() => null, inWords)}
        >
          <p>{asking === "local" ? "Messages that are not sent yet are lost." : "Every device of yours is signed out, this one too. Messages that are not sent yet are lost."}</p>
        </Confirm>
      )}
      {asking === "delete" && (
        <Confirm
          title="Delete your account?"
          action="Delete for ever"
          typed={deletion}
          onClose={() => setAsking(null)}
          onConfirm={() => auth.deleteUser(me.id).then(() => onSignOut("gone")).then(() => null, inWords)}
        >
          <p>You are signed out everywhere and your name goes. This cannot be taken back.</p>
        </Confirm>
      )}
    </Dialog>
  );
}
