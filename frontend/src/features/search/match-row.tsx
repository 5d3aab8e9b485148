import { useMemo, type ReactElement } from "react";
import type { Match } from "../../api/types";
import { excerptOf } from "../../lib/excerpt";
import { exactTime, shortAge } from "../../lib/times";
import { titleOf, type Summary } from "../../state/summary";
import { Avatar } from "../../ui/avatar";
import styles from "./search.module.css";

interface Props extends Match {
  id: string;
  sender: string;
  own: boolean;
  /** Where, unless that goes without saying. */
  conversation: Summary | null;
  now: Date;
  selected: boolean;
  onPoint: () => void;
  onOpen: () => void;
}

export function MatchRow({ id, message, highlights, sender, own, conversation, now, selected, onPoint, onOpen }: Props): ReactElement {
  const excerpt = useMemo(() => excerptOf(message.content ?? "", highlights), [message, highlights]);
  return (
    <li id={id} className={styles.match} role="option" aria-selected={selected} onPointerMove={onPoint} onClick={onOpen}>
      <Avatar id={message.sender_id} name={sender} size="small" />
      <p className={styles.head}>
        <bdi className={styles.sender}>{own ? "You" : sender}</bdi>
        {conversation !== null && <Where conversation={conversation} own={own} />}
      </p>
      <time className={styles.time} dateTime={message.created_at} title={exactTime(message.created_at)}>
        {shortAge(message.created_at, now)}
      </time>
      <p className={styles.excerpt} dir="auto">
        {excerpt.map(({ text, marked }, index) => (marked ? <mark key={index}>{text}</mark> : text))}
      </p>
    </li>
  );
}

/** Between two it is said by who wrote it, unless we did. */
function Where({ conversation, own }: { conversation: Summary; own: boolean }): ReactElement | null {
  if (conversation.kind === "direct" && !own) return null;
  return (
    <span className={styles.where}>
      {conversation.kind === "direct" ? "to" : "in"} <bdi>{titleOf(conversation)}</bdi>
    </span>
  );
}
