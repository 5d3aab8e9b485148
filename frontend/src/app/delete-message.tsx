import type { ReactElement } from "react";
import type { Message } from "../api/types";
import { oneLine } from "../lib/text";
import { useLive } from "../state/context";
import { Confirm } from "../ui/confirm";

export function DeleteMessage({ message, onClose }: { message: Message; onClose: () => void }): ReactElement {
  const { chat } = useLive();
  return (
    <Confirm
      title="Delete this message?"
      action="Delete"
      onClose={onClose}
      onConfirm={() => {
        chat.edits.change(message.id, null);
        return Promise.resolve(null);
      }}
    >
      <p dir="auto">“{oneLine(message.content ?? "").slice(0, 160)}”</p>
      <p>It goes for everybody, and cannot be brought back.</p>
    </Confirm>
  );
}
