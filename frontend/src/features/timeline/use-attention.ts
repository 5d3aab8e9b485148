import { useSyncExternalStore } from "react";

function subscribe(listener: () => void): () => void {
  const stop = new AbortController();
  for (const name of ["focus", "blur"]) window.addEventListener(name, listener, { signal: stop.signal });
  document.addEventListener("visibilitychange", listener, { signal: stop.signal });
  return () => stop.abort();
}

/** Whether somebody is looking at this tab now. */
export function useAttention(): boolean {
  return useSyncExternalStore(subscribe, () => document.visibilityState === "visible" && document.hasFocus());
}
