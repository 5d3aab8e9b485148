import { useCallback, useEffect, useState, type ReactElement } from "react";
import { AccountBar } from "../features/account/account-bar";
import { drafts } from "../features/composer/drafts";
import { ConnectionBanner } from "../features/connection/banner";
import { ConversationList } from "../features/conversation-list/conversation-list";
import { getRouter, paths } from "../lib/router";
import { useClient, useLive } from "../state/context";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Wordmark } from "../ui/logo";
import { useStore } from "../ui/use-store";
import { Dialogs, type Open } from "./dialogs";
import { Pane } from "./pane";
import { QuietNotice } from "./quiet-notice";
import { useTitle } from "./use-title";
import styles from "./chat-page.module.css";

export function ChatPage(): ReactElement {
  const route = useStore(getRouter());
  const live = useLive();
  const { session } = useClient();
  const [open, setOpen] = useState<Open>(null);
  const search = useCallback(() => setOpen({ kind: "search" }), []);
  const details = useCallback((id: string) => setOpen({ kind: "details", id }), []);
  useShortcut(search);
  useTitle(route);

  async function signOut(scope: "local" | "global" | "gone"): Promise<void> {
    if (scope === "gone") session.ended();
    else await session.signOut(scope);
    // Whoever signs in here next need not have been where we were.
    getRouter().go(paths.login(paths.chat), { replace: true });
    live.forget();
    drafts.forget(live.chat.me.id);
  }

  const selected = route.page === "conversation" ? route.id : route.page === "person" ? (live.chat.conversations.findDirect(route.userId)?.id ?? null) : null;
  return (
    <div className={styles.page} data-pane={route.page === "chat" ? "list" : "conversation"}>
      <ConnectionBanner />
      <main className={styles.panes}>
        <nav className={styles.side} aria-label="Conversations">
          <div className={styles.top}>
            <h1>
              <Wordmark />
            </h1>
            <Button look="quiet" className={styles.new ?? ""} onClick={search} title="New message (Ctrl K)">
              <Icon name="compose" size={18} />
              New message
            </Button>
          </div>
          <div className={styles.list}>
            <ConversationList selectedId={selected} onNew={search} />
          </div>
          <AccountBar onSignOut={signOut} />
        </nav>
        <div className={styles.pane}>
          <Pane route={route} onNew={search} onDetails={details} />
        </div>
      </main>
      <QuietNotice />
      <Dialogs open={open} onOpen={setOpen} />
    </div>
  );
}

/** Ctrl+K, or ⌘K: find somebody. */
function useShortcut(search: () => void): void {
  useEffect(() => {
    const stop = new AbortController();
    window.addEventListener(
      "keydown",
      (event) => {
        if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
        event.preventDefault();
        search();
      },
      { signal: stop.signal },
    );
    return () => stop.abort();
  }, [search]);
}
