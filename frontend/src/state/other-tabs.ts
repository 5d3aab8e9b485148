import { SIGNED_IN_KEY, type Session } from "./session";

/** Follows what other tabs do with the session they share with us. */
export function followOtherTabs(session: Session): void {
  window.addEventListener("storage", (event) => {
    if (event.key !== SIGNED_IN_KEY) return;
    const state = session.getSnapshot();
    if (event.newValue === null) session.ended();
    else if (state.status === "signed-out") session.restore().catch(() => undefined);
    // Somebody else now: nothing of the former person may stay on the screen or in memory.
    else if (state.status === "signed-in" && state.user.id !== event.newValue) location.reload();
  });
}
