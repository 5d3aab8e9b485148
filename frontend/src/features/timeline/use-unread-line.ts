import { useState } from "react";
import type { Summary } from "../../state/summary";
import type { Item } from "./rows";

/**
 * After which `seq` the "New" line stands, null for none. It is drawn where reading stopped: when the
 * conversation was opened, or when the tab was left; it stays until we write or leave again.
 */
export function useUnreadLine(conversation: Summary | null, attention: boolean, items: readonly Item[], me: string): number | null {
  const [line, setLine] = useState(() => (conversation !== null && conversation.unread > 0 ? conversation.last_read_seq : null));
  const [watched, setWatched] = useState(attention);
  const [own, setOwn] = useState(() => newestOwn(items, me));
  if (watched !== attention) {
    setWatched(attention);
    if (!attention && conversation !== null && conversation.unread === 0) setLine(conversation.last_seq);
  }
  const written = newestOwn(items, me);
  if (own !== written) {
    setOwn(written);
    setLine(null);
  }
  return line;
}

function newestOwn(items: readonly Item[], me: string): string | undefined {
  return items.findLast((item) => item.kind === "pending" || item.kind === "failed" || (item.kind === "sent" && item.message.sender_id === me))?.id;
}
