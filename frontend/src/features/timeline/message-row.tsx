import { memo, type ReactElement } from "react";
import { clockTime, exactTime } from "../../lib/times";
import { isEmojiOnly } from "../../lib/text";
import { Avatar } from "../../ui/avatar";
import type { MessageActions } from "./actions";
import { MessageMenu } from "./message-menu";
import { MessageMeta, type Fixes } from "./message-meta";
import { MessageText } from "./message-text";
import { Quote } from "./quote";
import type { Row } from "./rows";
import styles from "./message.module.css";

interface Props {
  row: Extract<Row, { kind: "message" }>;
  own: boolean;
  /** The sender's name; groups show it, and screen readers always hear it. */
  name: string;
  showSender: boolean;
  /** The newest message, if it is ours, shows how far it has come. */
  newest: boolean;
  seen: boolean;
  /** What it answers, as it stands now; null when it answers nothing. */
  answered: { name: string; text: string } | null;
  actions: MessageActions | null;
  mayEdit: boolean;
  mayDelete: boolean;
  /** Tab comes to one menu of the log; arrows go on from there. */
  tabStop: boolean;
  fixes: Fixes;
}

export const MessageRow = memo(function MessageRow(props: Props): ReactElement {
  const { row, own, name, showSender, answered, actions, mayEdit, mayDelete, tabStop } = props;
  const { item } = row;
  const content = item.kind !== "sent" ? item.unsent.content : contentOf(item);
  const place = `${own ? styles.own : styles.other} ${row.first ? styles.first : ""} ${row.last ? styles.last : ""}`;
  const bare = content !== null && answered === null && isEmojiOnly(content);
  const state = item.kind === "sent" && item.edit !== null ? item.edit.state.kind : item.kind;
  const progress = { sent: "", pending: ", sending", saving: ", saving", failed: ", not sent" }[state];
  const quoted = item.kind === "sent" && item.message.reply_to !== null ? { conversationId: item.message.conversation_id, id: item.message.reply_to } : null;
  const offered = item.kind === "sent" && item.message.deleted_at === null && item.edit?.state.kind !== "saving" ? actions : null;
  return (
    <article className={`${styles.row} ${place}`} data-state={state === "saving" ? "pending" : state} data-message={row.key} tabIndex={-1} aria-label={`${own ? "You" : name}, ${clockTime(row.at)}${progress}`}>
      {showSender && !own && (
        <span className={styles.portrait}>{row.last && <Avatar id={row.sender} name={name} size="small" />}</span>
      )}
      <div className={styles.stack}>
        {showSender && !own && row.first && (
          <bdi className={styles.sender} aria-hidden="true">
            {name}
          </bdi>
        )}
        <div className={styles.line}>
          <div className={`${styles.bubble} ${bare ? styles.bare : ""} ${content === null ? styles.gone : ""}`} title={exactTime(row.at)}>
            {answered !== null && content !== null && <Quote name={answered.name} text={answered.text} to={quoted} />}
            {content === null ? <p className={styles.text}>Message deleted</p> : <MessageText content={content} />}
          </div>
          {offered !== null && item.kind === "sent" && (
            <MessageMenu message={item.message} who={own ? "your message" : `the message of ${name}`} actions={offered} mayEdit={mayEdit} mayDelete={mayDelete} tabStop={tabStop} />
          )}
        </div>
        <MessageMeta {...props} />
      </div>
    </article>
  );
});

/** As it shall be, unless the deletion of it has failed: then it is still there. */
function contentOf({ message, edit }: Extract<Row, { kind: "message" }>["item"] & { kind: "sent" }): string | null {
  if (edit === null || (edit.content === null && edit.state.kind === "failed")) return message.content;
  return edit.content;
}
