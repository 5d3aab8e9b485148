import { useEffect, useMemo, useState, type ReactElement } from "react";
import { GroupPanel } from "../features/groups/group-panel";
import { AddPeopleDialog } from "../features/people-search/add-people-dialog";
import { GroupDialog } from "../features/people-search/group-dialog";
import { PeopleDialog } from "../features/people-search/people-dialog";
import { SearchDialog } from "../features/search/search-dialog";
import { getRouter, paths } from "../lib/router";
import { useLive } from "../state/context";
import { titleOf, type Summary } from "../state/summary";
import { useStore } from "../ui/use-store";

export type Open = { kind: "people" } | { kind: "group" } | { kind: "search"; scoped: boolean } | { kind: "details"; id: string; adding?: boolean } | null;

interface Props {
  open: Open;
  onOpen: (open: Open) => void;
  /** The conversation that is shown. */
  selected: Summary | null;
}

/** What stands before the chat page, one at a time. */
export function Dialogs({ open, onOpen, selected }: Props): ReactElement | null {
  const { chat } = useLive();
  const [sought, setSought] = useState("");
  const close = (): void => onOpen(null);
  if (open === null) return null;
  if (open.kind === "details") return <Details {...open} onOpen={onOpen} />;
  if (open.kind === "search") {
    return (
      <SearchDialog
        here={selected === null ? null : { id: selected.id, title: titleOf(selected) }}
        scoped={open.scoped}
        text={sought}
        onText={setSought}
        onClose={close}
        onOpen={(message) => {
          close();
          getRouter().go(paths.message(message.conversation_id, message.id), { replace: message.conversation_id === selected?.id });
        }}
      />
    );
  }
  if (open.kind === "group") {
    return (
      <GroupDialog
        onClose={close}
        onCreated={(id) => {
          close();
          getRouter().go(paths.conversation(id));
        }}
      />
    );
  }
  return (
    <PeopleDialog
      onClose={close}
      onGroup={() => onOpen({ kind: "group" })}
      onChoose={(user) => {
        close();
        const known = chat.conversations.findDirect(user.id);
        getRouter().go(known === null ? paths.person(user.id) : paths.conversation(known.id));
      }}
    />
  );
}

/** The group's panel, or over it the search for more people. Once the group is not ours any more there is nothing to show. */
function Details({ id, adding = false, onOpen }: { id: string; adding?: boolean; onOpen: (open: Open) => void }): ReactElement | null {
  const { chat } = useLive();
  const { list } = useStore(chat.conversations);
  const summary = list.find((one) => one.id === id);
  const members = useMemo(() => new Set(summary?.members.map((user) => user.id)), [summary?.members]);
  const gone = summary === undefined;
  useEffect(() => {
    if (gone) onOpen(null);
  }, [gone, onOpen]);
  if (summary === undefined) return null;
  if (adding) return <AddPeopleDialog conversationId={id} members={members} onClose={() => onOpen({ kind: "details", id })} />;
  return <GroupPanel summary={summary} onAdd={() => onOpen({ kind: "details", id, adding: true })} onClose={() => onOpen(null)} />;
}
