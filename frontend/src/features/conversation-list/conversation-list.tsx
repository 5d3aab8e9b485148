import { useEffect, useState, type ReactElement } from "react";
import { useLive } from "../../state/context";
import { Button } from "../../ui/button";
import { useStore } from "../../ui/use-store";
import { ConversationRow } from "./conversation-row";
import { previewOf, typingOf } from "./preview";
import { moveBetweenRows } from "./roving";
import styles from "./conversation-list.module.css";

const MINUTE_MS = 60_000;

interface Props {
  selectedId: string | null;
  onNew: () => void;
}

export function ConversationList({ selectedId, onNew }: Props): ReactElement {
  const { chat } = useLive();
  const { status, list } = useStore(chat.conversations);
  const presence = useStore(chat.presence);
  const typing = useStore(chat.typing);
  const people = useStore(chat.people);
  const now = useMinute();
  const tabStop = list.some((summary) => summary.id === selectedId) ? selectedId : list[0]?.id;

  if (list.length === 0 && status === "loading") return <Skeleton />;
  if (list.length === 0 && status === "failed") {
    return (
      <div className={styles.empty} role="status">
        <p>Your conversations can’t be loaded right now.</p>
        <Button look="quiet" onClick={() => chat.refresh()}>
          Try again
        </Button>
      </div>
    );
  }
  if (list.length === 0) {
    return (
      <div className={styles.empty}>
        <p>
          <strong>It’s quiet here.</strong>
          Find somebody and say hello.
        </p>
        <Button look="quiet" onClick={onNew}>
          Start a conversation
        </Button>
      </div>
    );
  }
  return (
    <ul className={styles.list} onKeyDown={moveBetweenRows}>
      {list.map((summary) => {
        const writing = typingOf(summary, typing.get(summary.id) ?? [], people);
        return (
          <ConversationRow
            key={summary.id}
            summary={summary}
            now={now}
            online={summary.peer !== null && presence.get(summary.peer.id)?.online === true}
            typing={writing !== null}
            preview={writing ?? previewOf(summary, chat.me.id, people)}
            selected={summary.id === selectedId}
            tabStop={summary.id === tabStop}
          />
        );
      })}
    </ul>
  );
}

function useMinute(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function Skeleton(): ReactElement {
  return (
    <div className={styles.list} role="status" aria-label="Loading conversations">
      {[62, 44, 71, 53].map((width) => (
        <div key={width} className={styles.ghost} aria-hidden="true">
          <span />
          <svg viewBox="0 0 100 32" preserveAspectRatio="none">
            <rect width={width} height="11" rx="3" />
            <rect y="20" width={width + 24} height="9" rx="3" />
          </svg>
        </div>
      ))}
    </div>
  );
}
