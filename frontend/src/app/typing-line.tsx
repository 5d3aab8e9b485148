import { useEffect, type ReactElement } from "react";
import { useLive } from "../state/context";
import { useStore } from "../ui/use-store";
import styles from "./conversation-pane.module.css";

const NOBODY: readonly string[] = [];

/** Keeps its height when empty, so that nothing jumps. */
export function TypingLine({ conversationId }: { conversationId: string | null }): ReactElement {
  const { chat } = useLive();
  const writing = useStore(chat.typing).get(conversationId ?? "") ?? NOBODY;
  const people = useStore(chat.people);
  useEffect(() => {
    for (const id of writing) chat.people.want(id);
  }, [chat, writing]);
  const names = writing.map((id) => people.get(id)?.name ?? "Somebody");
  return (
    <p className={styles.typing} data-testid="typing">
      {names.length > 0 && (
        <>
          <span className={styles.dots} aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {names.length > 2 ? "Several people are writing" : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} writing`}
        </>
      )}
    </p>
  );
}
