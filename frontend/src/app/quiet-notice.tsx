import type { ReactElement } from "react";
import { useLive } from "../state/context";
import { useStore } from "../ui/use-store";
import styles from "./quiet-notice.module.css";

/** One line that goes by itself. A popover: it must be seen above an open dialog too. */
export function QuietNotice(): ReactElement {
  const { chat } = useLive();
  const words = useStore(chat.notices);
  return (
    <div className={styles.place} role="status" data-testid="notice">
      {words !== null && (
        <p
          key={words}
          className={styles.notice}
          popover="manual"
          ref={(line) => {
            if (line !== null && "showPopover" in line && !line.matches(":popover-open")) line.showPopover();
          }}
        >
          {words}
        </p>
      )}
    </div>
  );
}
