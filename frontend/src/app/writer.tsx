import type { ReactElement } from "react";
import { Above } from "../features/composer/above";
import { Composer } from "../features/composer/composer";
import { useLive } from "../state/context";
import { useStore } from "../ui/use-store";
import type { Desk } from "./use-writing";

interface Props {
  desk: Desk;
  lane: string;
  title: string;
  conversationId: string | null;
  onSend: (content: string, replyTo: string | null) => void;
}

/** The composer, for what it is at. */
export function Writer({ desk, lane, title, conversationId, onSend }: Props): ReactElement {
  const { chat } = useLive();
  const people = useStore(chat.people);
  const { writing, stop } = desk;
  const message = writing.kind === "new" ? null : writing.message;
  const sender = message === null ? "" : message.sender_id === chat.me.id ? "yourself" : (people.get(message.sender_id)?.name ?? "somebody");

  function send(content: string): void {
    if (writing.kind === "edit") {
      if (content !== writing.message.content) chat.edits.change(writing.message.id, content);
    } else {
      onSend(content, message?.id ?? null);
    }
    stop();
  }

  return (
    <Composer
      key={writing.kind === "edit" ? writing.message.id : "new"}
      owner={chat.me.id}
      lane={lane}
      to={title}
      editing={writing.kind === "edit" ? (writing.message.content ?? "") : undefined}
      above={
        message !== null && (
          <Above kind={writing.kind === "edit" ? "edit" : "reply"} title={writing.kind === "edit" ? "Edit your message" : `Reply to ${sender}`} text={message.content ?? ""} onCancel={stop} />
        )
      }
      onCancel={writing.kind === "new" ? undefined : stop}
      onEditLast={writing.kind === "new" ? desk.editLast : undefined}
      onTyping={() => conversationId !== null && chat.typing.say(conversationId)}
      onSend={send}
    />
  );
}
