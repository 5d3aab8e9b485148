import { useEffect, useMemo, type ReactElement } from "react";
import type { User } from "../api/types";
import { FirstTimeline } from "../features/timeline/first-timeline";
import { TimelineView } from "../features/timeline/timeline-view";
import { getRouter, paths } from "../lib/router";
import { useLive } from "../state/context";
import { titleOf, type Summary } from "../state/summary";
import { useStore } from "../ui/use-store";
import { Beginning } from "./beginning";
import { ConversationHeader } from "./conversation-header";
import { DeleteMessage } from "./delete-message";
import { TypingLine } from "./typing-line";
import { useArrival } from "./use-arrival";
import { useWriting } from "./use-writing";
import { Writer } from "./writer";
import styles from "./conversation-pane.module.css";

interface Props {
  lane: string;
  /** Null as long as nobody has written to this person. */
  summary: Summary | null;
  /** The other side of a direct conversation. */
  person: User | null;
  /** The message to begin at. */
  messageId: string | null;
  /** Opens what there is to know of a group. */
  onDetails: (conversationId: string) => void;
  /** Looks for something that was said in it. */
  onSearch: () => void;
}

export function ConversationPane({ lane, summary, person, messageId, onDetails, onSearch }: Props): ReactElement {
  const { chat } = useLive();
  const all = useStore(chat.outbox);
  const unsent = useMemo(() => all.filter((one) => one.lane === lane), [all, lane]);
  const id = summary?.id;
  const place = useMemo(() => (id === undefined ? null : (chat.conversations.find(id)?.openPlace() ?? null)), [chat, id]);
  const finding = useArrival(place, id ?? null, messageId);
  const title = person?.name ?? (summary === null ? "" : titleOf(summary));
  const desk = useWriting(place?.timeline ?? null);
  const send = (content: string, replyTo: string | null): void => chat.send(lane, id === undefined ? { to: person?.id ?? "" } : { conversation_id: id }, content, replyTo);
  const beginning = <Beginning id={person?.id ?? id ?? ""} name={title} group={summary?.kind === "group" ? summary : null} since={summary?.created_at ?? null} />;

  useEffect(() => {
    const leave = (event: KeyboardEvent): void => {
      const inside = event.target instanceof Element && event.target.closest("dialog") !== null;
      if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || inside) return;
      const row = document.querySelector<HTMLElement>('nav a[aria-current="page"]');
      // On a phone the list is another screen.
      if (row === null || row.offsetParent === null) getRouter().go(paths.chat);
      else row.focus();
    };
    document.addEventListener("keydown", leave);
    return () => document.removeEventListener("keydown", leave);
  }, []);

  return (
    <section className={styles.pane} aria-label={title}>
      <ConversationHeader summary={summary} person={person} title={title} onDetails={onDetails} onSearch={onSearch} />
      {summary !== null && place !== null ? (
        <TimelineView summary={summary} place={place} finding={finding} unsent={unsent} actions={desk.actions} beginning={beginning} />
      ) : (
        <FirstTimeline unsent={unsent} beginning={beginning} />
      )}
      <TypingLine conversationId={id ?? null} />
      {person?.deleted_at == null ? (
        <Writer desk={desk} lane={lane} title={title} conversationId={id ?? null} onSend={send} />
      ) : (
        <p className={styles.closed}>This account was deleted. What was said stays.</p>
      )}
      {desk.deleting !== null && <DeleteMessage message={desk.deleting} onClose={desk.keep} />}
    </section>
  );
}
