import { useCallback, useState, type ReactElement } from "react";
import { AccountBar } from "../features/account/account-bar";
import { drafts } from "../features/composer/drafts";
import { ConnectionBanner } from "../features/connection/banner";
import { ConversationList } from "../features/conversation-list/conversation-list";
import { SearchButton } from "../features/search/search-button";
import { getRouter, paths } from "../lib/router";
import { useClient, useLive } from "../state/context";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Wordmark } from "../ui/logo";
import { useStore } from "../ui/use-store";
import { Dialogs, type Open } from "./dialogs";
import { Pane } from "./pane";
import { QuietNotice } from "./quiet-notice";
import { useShortcuts } from "./use-shortcuts";
import { useTitle } from "./use-title";
import styles from "./chat-page.module.css";

export function ChatPage(): ReactElement {
  const route = useStore(getRouter());
  const live = useLive();
  const { session } = useClient();
  const [open, setOpen] = useState<Open>(null);
  const findPeople = useCallback(() => setOpen({ kind: "people" }), []);
  const search = useCallback(() => setOpen({ kind: "search", scoped: false }), []);
  const searchHere = useCallback(() => setOpen({ kind: "search", scoped: true }), []);
  const details = useCallback((id: string) => setOpen({ kind: "details", id }), []);
  useShortcuts(findPeople, search);
  useTitle(route);

  async function signOut(scope: "local" | "global" | "gone"): Promise<void> {
    if (scope === "gone") session.ended();
    else await session.signOut(scope);
    // Whoever signs in here next need not have been where we were.
    getRouter().go(paths.login(paths.chat), { replace: true });
    live.forget();
    drafts.forget(live.chat.me.id);
  }

  const { list } = useStore(live.chat.conversations);
  const selected = list.find((one) => (route.page === "conversation" && one.id === route.id) || (route.page === "person" && one.peer?.id === route.userId)) ?? null;
  return (
    <div className={styles.page} data-pane={route.page === "chat" ? "list" : "conversation"}>
      <ConnectionBanner />
      <main className={styles.panes}>
        <nav className={styles.side} aria-label="Conversations">
          <div className={styles.top}>
            <h1>
              <Wordmark />
            </h1>
            <Button look="quiet" className={styles.new ?? ""} onClick={findPeople} title="New message (Ctrl K)">
              <Icon name="compose" size={18} />
              New message
            </Button>
          </div>
          <SearchButton onOpen={search} />
          <div className={styles.list}>
            <ConversationList selectedId={selected?.id ?? null} onNew={findPeople} />
          </div>
          <AccountBar onSignOut={signOut} />
        </nav>
        <div className={styles.pane}>
          <Pane route={route} onNew={findPeople} onDetails={details} onSearch={searchHere} />
        </div>
      </main>
      <QuietNotice />
      <Dialogs open={open} onOpen={setOpen} selected={selected} />
    </div>
  );
}
