import { useEffect, useRef, type ReactElement } from "react";
import type { User } from "../api/types";
import { lastSeen } from "../lib/times";
import { useLive } from "../state/context";
import type { Summary } from "../state/summary";
import { Avatar } from "../ui/avatar";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { PaneHeader } from "../ui/pane-header";
import { useStore } from "../ui/use-store";
import styles from "./conversation-pane.module.css";

interface Props {
  summary: Summary | null;
  person: User | null;
  title: string;
  onDetails: (conversationId: string) => void;
  onSearch: () => void;
}

export function ConversationHeader({ summary, person, title, onDetails, onSearch }: Props): ReactElement {
  const { chat } = useLive();
  const presence = useStore(chat.presence).get(person?.id ?? "");
  const heading = useRef<HTMLHeadingElement>(null);
  const online = presence?.online === true;
  const group = summary?.kind === "group" ? summary : null;
  const status = group !== null ? people(group.member_count) : whereabouts(online, presence?.last_seen);

  // Where the composer does not take the focus (phones), a screen reader must still learn that the page changed.
  useEffect(() => {
    if (!matchMedia("(hover: hover)").matches) heading.current?.focus({ preventScroll: true });
  }, []);

  return (
    <PaneHeader>
      <Avatar id={person?.id ?? summary?.id ?? ""} name={title} online={online} size="small" group={group !== null} />
      <div className={styles.who}>
        <h1 ref={heading} tabIndex={-1} className={styles.title} dir="auto">
          {title}
        </h1>
        {status !== "" && <p className={styles.status}>{status}</p>}
      </div>
      <div className={styles.tools}>
        {summary !== null && (
          <Button look="icon" aria-label="Search in this conversation" title="Search in this conversation" onClick={onSearch}>
            <Icon name="search" size={21} />
          </Button>
        )}
        {group !== null && (
          <Button look="icon" aria-label="Group details" title="Group details" onClick={() => onDetails(group.id)}>
            <Icon name="people" size={22} />
          </Button>
        )}
      </div>
    </PaneHeader>
  );
}

function people(count: number): string {
  return count === 1 ? "Only you" : `${count.toLocaleString()} people`;
}

function whereabouts(online: boolean, seenAt: string | null | undefined): string {
  if (online) return "Online";
  const ago = lastSeen(seenAt, new Date());
  return ago === null ? "" : `Last seen ${ago}`;
}
