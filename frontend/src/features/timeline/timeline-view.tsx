import { useEffect, useMemo, useState, type ReactElement, type ReactNode } from "react";
import { useLive } from "../../state/context";
import type { Unsent } from "../../state/outbox";
import type { Place } from "../../state/place";
import type { StretchState } from "../../state/stretch";
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
  place: Place;
  /** A message is being looked for: what it will be shown among is not known yet. */
  finding: boolean;
  unsent: readonly Unsent[];
  actions: MessageActions;
  /** What stands in a conversation without messages, and above the first message. */
  beginning: ReactNode;
}

/** The messages of a conversation that exists. */
export function TimelineView({ summary, place, finding, unsent, actions, beginning }: Props): ReactElement {
  const { chat, realtime } = useLive();
  const online = useStore(realtime) === "online";
  const { visit, target } = useStore(place);
  const live = useStore(place.timeline);
  const stretch = visit ?? place.timeline;
  const state = useStore<StretchState>(stretch);
  const seen = useStore(chat.reading).get(summary.id) ?? 0;
  const edits = useStore(chat.edits);
  const { messages, notes } = state;
  const latest = useMemo(() => itemsOf({ messages: live.messages, notes: live.notes, unsent, edits }), [live.messages, live.notes, unsent, edits]);
  const around = useMemo(() => (visit === null ? null : itemsOf({ messages, notes, unsent: [], edits })), [visit, messages, notes, edits]);
  const [drawn, setDrawn] = useState(!finding);
  if (!drawn && !finding) setDrawn(true);

  useEffect(() => {
    for (const sender of new Set(messages.map((message) => message.sender_id))) chat.people.want(sender);
  }, [chat, messages]);

  // "Seen" is for two; in a group it would be a table.
  const direct = summary.kind === "direct";
  useEffect(() => {
    if (direct && online) chat.reading.learn(summary.id).catch(() => undefined); // a hint, asked for again at the next connect
  }, [chat, direct, online, summary.id]);

  if (!drawn || (live.status === "loading" && latest.length === 0)) return <TimelineSkeleton />;
  if (live.status === "failed" && latest.length === 0) {
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
      items={around ?? latest}
      latest={latest}
      target={target}
      conversation={summary}
      seenSeq={direct ? seen : 0}
      busy={state.older === "loading"}
      actions={actions}
      onNearTop={() => void stretch.loadOlder()}
      onNearBottom={() => state.newer === "idle" && void place.loadNewer()}
      onNewest={() => place.leave()}
      top={
        state.hasMore ? (
          <div className={styles.older}>
            {state.older === "failed" ? (
              <Button look="text" onClick={() => void stretch.loadOlder()}>
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
      bottom={
        state.newer !== "none" && (
          <div className={styles.older}>
            {state.newer === "failed" ? (
              <Button look="text" onClick={() => void place.loadNewer()}>
                Load newer messages
              </Button>
            ) : (
              <Spinner />
            )}
          </div>
        )
      }
    />
  );
}
