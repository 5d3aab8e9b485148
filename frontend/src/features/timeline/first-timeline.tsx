import { useMemo, type ReactElement, type ReactNode } from "react";
import type { Unsent } from "../../state/outbox";
import { Log } from "./log";
import { itemsOf } from "./rows";

const nothing = (): void => undefined;

/** The timeline of a conversation nobody has written in yet: only what is on its way. */
export function FirstTimeline({ unsent, beginning }: { unsent: readonly Unsent[]; beginning: ReactNode }): ReactElement {
  const items = useMemo(() => itemsOf({ messages: [], unsent }), [unsent]);
  return <Log items={items} latest={items} target={null} conversation={null} seenSeq={0} busy={false} top={beginning} onNearTop={nothing} onNearBottom={nothing} onNewest={nothing} actions={null} />;
}
