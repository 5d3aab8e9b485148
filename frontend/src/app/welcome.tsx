import type { ReactElement } from "react";
import { paths } from "../lib/router";
import { useLive } from "../state/context";
import { Button } from "../ui/button";
import { Link } from "../ui/link";
import { Logo } from "../ui/logo";
import { useStore } from "../ui/use-store";
import buttons from "../ui/button.module.css";
import styles from "./welcome.module.css";

/** The right side while no conversation is open. */
export function Welcome({ onNew }: { onNew: () => void }): ReactElement {
  const { chat } = useLive();
  const me = useStore(chat.people).get(chat.me.id) ?? chat.me;
  const mac = /Mac|iP/.test(navigator.userAgent);
  return (
    <div className={styles.welcome}>
      <Logo size={60} />
      <h2 className={styles.title}>
        Hello, <bdi>{me.name}</bdi>
      </h2>
      <p>Pick a conversation, or begin a new one.</p>
      <Button onClick={onNew}>Find people</Button>
      <p className={styles.keys}>
        <kbd>{mac ? "⌘" : "Ctrl"}</kbd> <kbd>K</kbd> from anywhere
      </p>
    </div>
  );
}

/** `former`: a conversation we were in until now. */
export function Missing({ former }: { former?: string }): ReactElement {
  return (
    <div className={styles.welcome}>
      <Logo size={60} />
      <h2 className={styles.title}>{former === undefined ? "Nothing to read here" : "You are no longer in this group"}</h2>
      <p>{former === undefined ? "This conversation doesn’t exist, or you are not part of it." : `What is written in “${former}” is for its members.`}</p>
      <Link className={`${buttons.button} ${buttons.primary}`} href={paths.chat}>
        Back to your conversations
      </Link>
    </div>
  );
}
