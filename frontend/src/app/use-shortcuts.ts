import { useLayoutEffect } from "react";

/** Ctrl+K, or ⌘K: find somebody. Ctrl+Shift+F, or ⌘⇧F, and / where nothing is being written: find what was said. */
export function useShortcuts(findPeople: () => void, search: () => void): void {
  // From the moment on that the page can be seen.
  useLayoutEffect(() => {
    const stop = new AbortController();
    window.addEventListener(
      "keydown",
      (event) => {
        const act = wanted(event);
        if (act === null || event.defaultPrevented) return;
        event.preventDefault();
        if (act === "people") findPeople();
        else search();
      },
      { signal: stop.signal },
    );
    return () => stop.abort();
  }, [findPeople, search]);
}

function wanted(event: KeyboardEvent): "people" | "search" | null {
  const key = event.key.toLowerCase();
  const command = (event.ctrlKey || event.metaKey) && !event.altKey;
  if (command && key === "k" && !event.shiftKey) return "people";
  if (command && key === "f" && event.shiftKey) return "search";
  // Shift may be what makes a slash; and in dialogs there is something else to do.
  const free = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
  const busy = event.target instanceof Element && event.target.closest("input, textarea, select, dialog, [role=menu]") !== null;
  return key === "/" && free && !busy ? "search" : null;
}
