import { useEffect, useState, useSyncExternalStore, type ReactElement } from "react";
import { useLive } from "../../state/context";
import { Icon } from "../../ui/icon";
import { useStore } from "../../ui/use-store";
import styles from "./banner.module.css";

/** Short drops heal by themselves and are nobody's business. */
const QUIET_MS = 2_000;

export function ConnectionBanner(): ReactElement {
  const { realtime } = useLive();
  const online = useStore(realtime) === "online";
  const network = useSyncExternalStore(subscribe, () => navigator.onLine);
  const late = useLate(!online);
  const words = !network ? "You’re offline. What you write is kept and sent when you’re back." : late ? "Reconnecting… What you write is sent as soon as it works." : null;
  return (
    <div role="status" className={words === null ? "visually-hidden" : styles.banner} data-testid="connection">
      {words !== null && <Icon name="offline" size={17} />}
      {words}
    </div>
  );
}

function useLate(waiting: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!waiting) return;
    const timer = setTimeout(() => setLate(true), QUIET_MS);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [waiting]);
  return waiting && late;
}

function subscribe(listener: () => void): () => void {
  const stop = new AbortController();
  window.addEventListener("online", listener, { signal: stop.signal });
  window.addEventListener("offline", listener, { signal: stop.signal });
  return () => stop.abort();
}
