import { useEffect, useRef, type ReactElement } from "react";
import type { User } from "../api/types";
import { paths } from "../lib/router";
import { lastSeen } from "../lib/times";
import { useLive } from "../state/context";
import type { Summary } from "../state/summary";
import { Avatar } from "../ui/avatar";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Link } from "../ui/link";
import { useStore } from "../ui/use-store";
import styles from "./conversation-pane.module.css";

interface Props {
  summary: Summary | null;
  person: User | null;
  title: string;
  onDetails: (conversationId: string) => void;
}

export function ConversationHeader({ summary, person, title, onDetails }: Props): ReactElement {
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
    <header className={styles.header}>
      <Link className={styles.back} href={paths.chat} aria-label="Back to conversations">
        <Icon name="back" size={24} />
      </Link>
      <Avatar id={person?.id ?? summary?.id ?? ""} name={title} online={online} size="small" group={group !== null} />
      <div className={styles.who}>
        <h1 ref={heading} tabIndex={-1} className={styles.title} dir="auto">
          {title}
        </h1>
        {status !== "" && <p className={styles.status}>{status}</p>}
      </div>
      {group !== null && (
        <Button look="icon" className={styles.details ?? ""} aria-label="Group details" title="Group details" onClick={() => onDetails(group.id)}>
          <Icon name="people" size={22} />
        </Button>
      )}
    </header>
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
