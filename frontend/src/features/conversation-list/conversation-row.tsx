import { memo, type ReactElement } from "react";
import { paths } from "../../lib/router";
import { exactTime, shortAge } from "../../lib/times";
import { activityOf, titleOf, type Summary } from "../../state/summary";
import { Avatar } from "../../ui/avatar";
import { Link } from "../../ui/link";
import { describe, previewOf } from "./preview";
import styles from "./conversation-list.module.css";

interface Props {
  summary: Summary;
  me: string;
  now: Date;
  online: boolean;
  typing: boolean;
  selected: boolean;
  tabStop: boolean;
}

export const ConversationRow = memo(function ConversationRow({ summary, me, now, online, typing, selected, tabStop }: Props): ReactElement {
  const title = titleOf(summary);
  const preview = typing ? "writing…" : previewOf(summary, me);
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
        <Avatar id={summary.peer?.id ?? summary.id} name={title} online={online} />
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
