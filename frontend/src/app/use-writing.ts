import { useMemo, useState } from "react";
import type { Message } from "../api/types";
import type { MessageActions } from "../features/timeline/actions";
import { useLive } from "../state/context";
import type { Timeline } from "../state/timeline";

export type Writing = { kind: "new" } | { kind: "reply"; message: Message } | { kind: "edit"; message: Message };

export interface Desk {
  writing: Writing;
  /** The message whose deletion still wants to be confirmed. */
  deleting: Message | null;
  actions: MessageActions;
  editLast: () => void;
  stop: () => void;
  keep: () => void;
}

/** What the composer is at: something new, an answer, or a change of what was said. */
export function useWriting(timeline: Timeline | null): Desk {
  const { chat } = useLive();
  const [writing, setWriting] = useState<Writing>({ kind: "new" });
  const [deleting, setDeleting] = useState<Message | null>(null);
  return useMemo(() => {
    const edit = (message: Message): void => {
      const wished = chat.edits.getSnapshot().get(message.id)?.content;
      setWriting({ kind: "edit", message: { ...message, content: wished ?? message.content } });
    };
    return {
      writing,
      deleting,
      actions: { reply: (message) => setWriting({ kind: "reply", message }), edit, delete: setDeleting },
      editLast: () => {
        const mine = timeline?.getSnapshot().messages.findLast((message) => message.sender_id === chat.me.id && message.deleted_at === null);
        if (mine !== undefined) edit(mine);
      },
      stop: () => setWriting({ kind: "new" }),
      keep: () => setDeleting(null),
    };
  }, [chat, timeline, writing, deleting]);
}
