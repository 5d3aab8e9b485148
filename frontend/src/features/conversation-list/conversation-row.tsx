import { memo, type ReactElement } from "react";
import { paths } from "../../lib/router";
import { exactTime, shortAge } from "../../lib/times";
import { activityOf, titleOf, type Summary } from "../../state/summary";
import { Avatar } from "../../ui/avatar";
import { Link } from "../../ui/link";
import { describe } from "./preview";
import styles from "./conversation-list.module.css";

interface Props {
  summary: Summary;
  now: Date;
  online: boolean;
  typing: boolean;
  /** The last message, or who is writing. */
  preview: string;
  selected: boolean;
  tabStop: boolean;
}

export const ConversationRow = memo(function ConversationRow({ summary, now, online, typing, preview, selected, tabStop }: Props): ReactElement {
  const title = titleOf(summary);
  const at = activityOf(summary);
  const age = shortAge(at, now);
  const unread = summary.unread > 0;
  return (
    <li>
      <Link
        href={paths.conversation(summary.id)}
        className={styles.row}
        aria-current={selected ? "page" : undefined}
        aria-label={describe(summary, preview, age, online)}
        tabIndex={tabStop ? 0 : -1}
        data-unread={unread || undefined}
      >
        <Avatar id={summary.peer?.id ?? summary.id} name={title} online={online} group={summary.kind === "group"} />
        <span className={styles.name}>
          <bdi>{title}</bdi>
        </span>
        <time className={styles.age} dateTime={at} title={exactTime(at)}>
          {age}
        </time>
        <span className={`${styles.preview} ${typing ? styles.typing : ""}`}>
          <bdi>{preview}</bdi>
        </span>
        {unread && (
          <span className={styles.badge} data-testid="unread">
            {summary.unread > 99 ? "99+" : summary.unread}
          </span>
        )}
      </Link>
    </li>
  );
});
