const BEAT_MS = 5_000;
const SLEPT_MS = 20_000;
const AWAY_MS = 10_000;

export interface WakePorts {
  /** The network is back. */
  online(): void;
  /** The tab is looked at again after a while. */
  returned(): void;
  /** The machine slept or the tab was frozen: timers stood still. */
  slept(): void;
}

/** Tells when a page may have missed something without its socket noticing. Answers how to stop. */
export function watchWakeUps(ports: WakePorts): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let beat = Date.now();
  let hiddenAt: number | null = null;
  const timer = setInterval(() => {
    const now = Date.now();
    // Hidden tabs are throttled to a beat a minute, which is no sleep.
    const allowed = document.visibilityState === "hidden" ? 90_000 : SLEPT_MS;
    if (now - beat > allowed) ports.slept();
    beat = now;
  }, BEAT_MS);
  window.addEventListener("online", () => ports.online(), { signal });
  window.addEventListener("pageshow", (event) => event.persisted && ports.slept(), { signal });
  document.addEventListener(
    "visibilitychange",
    () => {
      if (document.visibilityState === "hidden") hiddenAt = Date.now();
      else {
        if (hiddenAt !== null && Date.now() - hiddenAt > AWAY_MS) ports.returned();
        hiddenAt = null;
        beat = Date.now();
      }
    },
    { signal },
  );
  return () => {
    clearInterval(timer);
    stop.abort();
  };
}
