import { useEffect, useMemo, type ReactElement, type ReactNode } from "react";
import { useLive } from "../../state/context";
import type { Unsent } from "../../state/outbox";
import type { Timeline } from "../../state/timeline";
import type { Summary } from "../../state/summary";
import { useStore } from "../../ui/use-store";
import { Button, Spinner } from "../../ui/button";
import type { MessageActions } from "./actions";
import { Log } from "./log";
import { itemsOf } from "./rows";
import { TimelineSkeleton } from "./timeline-skeleton";
import styles from "./timeline.module.css";

interface Props {
  summary: Summary;
  timeline: Timeline;
  unsent: readonly Unsent[];
  actions: MessageActions;
  /** What stands in a conversation without messages, and above the first message. */
  beginning: ReactNode;
}

/** The messages of a conversation that exists. */
export function TimelineView({ summary, timeline, unsent, actions, beginning }: Props): ReactElement {
  const { chat, realtime } = useLive();
  const online = useStore(realtime) === "online";
  const state = useStore(timeline);
  const seen = useStore(chat.reading).get(summary.id) ?? 0;
  const edits = useStore(chat.edits);
  const { messages, notes } = state;
  const items = useMemo(() => itemsOf({ messages, notes, unsent, edits }), [messages, notes, unsent, edits]);

  useEffect(() => {
    for (const sender of new Set(messages.map((message) => message.sender_id))) chat.people.want(sender);
  }, [chat, messages]);

  // "Seen" is for two; in a group it would be a table.
  const direct = summary.kind === "direct";
  useEffect(() => {
    if (direct && online) chat.reading.learn(summary.id).catch(() => undefined); // a hint, asked for again at the next connect
  }, [chat, direct, online, summary.id]);

  if (state.status === "loading" && items.length === 0) return <TimelineSkeleton />;
  if (state.status === "failed" && items.length === 0) {
    return (
      <div className={styles.trouble} role="alert">
        <p>These messages can’t be loaded right now.</p>
        <Button look="quiet" onClick={() => chat.conversations.find(summary.id)?.open()}>
          Try again
        </Button>
      </div>
    );
  }
  return (
    <Log
      items={items}
      conversation={summary}
      seenSeq={direct ? seen : 0}
      busy={state.older === "loading"}
      actions={actions}
      onNearTop={() => void timeline.loadOlder()}
      top={
        state.hasMore ? (
          <div className={styles.older}>
            {state.older === "failed" ? (
              <Button look="text" onClick={() => void timeline.loadOlder()}>
                Load older messages
              </Button>
            ) : (
              <Spinner />
            )}
          </div>
        ) : (
          beginning
        )
      }
    />
  );
}
