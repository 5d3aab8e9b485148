import { useEffect, useMemo, useRef, useState, type ReactElement } from "react";
import { inWords } from "../../api/errors";
import type { User } from "../../api/types";
import { useLive } from "../../state/context";
import type { Members } from "../../state/members";
import type { Summary } from "../../state/summary";
import { Avatar } from "../../ui/avatar";
import { Button, Spinner } from "../../ui/button";
import { Confirm } from "../../ui/confirm";
import { Menu, type MenuItem } from "../../ui/menu";
import { useStore } from "../../ui/use-store";
import { useWindow } from "./use-window";
import styles from "./group-panel.module.css";

interface Props {
  summary: Summary;
  owns: boolean;
}

/** Read page by page as one scrolls; only what is in sight is drawn. */
export function MemberList({ summary, owns }: Props): ReactElement | null {
  const { chat } = useLive();
  const members = useMemo(() => chat.conversations.find(summary.id)?.openMembers() ?? null, [chat, summary.id]);
  if (members === null) return null;
  return <List summary={summary} owns={owns} members={members} />;
}

function List({ summary, owns, members }: Props & { members: Members }): ReactElement {
  const { chat } = useLive();
  const { status, users, more } = useStore(members);
  const people = useStore(chat.people);
  const [problem, setProblem] = useState<string | null>(null);
  const [removing, setRemoving] = useState<User | null>(null);
  const { scroller, list, first, end: beyond, style, onScroll } = useWindow(users.length);
  const end = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && void members.load(), { root: scroller.current, rootMargin: "400px" });
    if (end.current !== null && status !== "failed") watcher.observe(end.current);
    return () => watcher.disconnect();
    // A page that does not fill the view must be followed by the next.
  }, [members, scroller, status, users.length]);

  function act(action: Promise<void>): void {
    setProblem(null);
    action.catch((error: unknown) => setProblem(inWords(error)));
  }

  return (
    <div ref={scroller} className={styles.scroller} tabIndex={-1} onScroll={onScroll}>
      <p className={styles.problem} role="alert">
        {problem}
      </p>
      <ul ref={list} style={style} aria-label="Members">
        {users.slice(first, beyond).map((member, index) => {
          const user = people.get(member.id) ?? member;
          const isOwner = summary.owner_ids.includes(user.id);
          const role = isOwner ? "member" : "owner";
          const items: MenuItem[] = [
            { label: isOwner ? "Make member" : "Make owner", icon: "crown", onChoose: () => act(chat.groups.setRole(summary.id, user.id, role)) },
            { label: "Remove from group", icon: "out", danger: true, onChoose: () => setRemoving(user) },
          ];
          return (
            <li key={user.id} className={styles.member} aria-posinset={first + index + 1} aria-setsize={summary.member_count}>
              <Avatar id={user.id} name={user.name} size="small" />
              <bdi className={styles.memberName}>{user.name}</bdi>
              {user.id === chat.me.id && <span className={styles.tag}>you</span>}
              {isOwner && <span className={styles.owner}>Owner</span>}
              {owns && user.id !== chat.me.id && <Menu label={`Actions for ${user.name}`} items={items} />}
            </li>
          );
        })}
      </ul>
      <div ref={end} className={styles.end}>
        {status === "failed" ? (
          <Button look="text" onClick={() => void members.load()}>
            Load more members
          </Button>
        ) : (
          more && <Spinner />
        )}
      </div>
      {removing !== null && (
        <Confirm
          title={`Remove ${removing.name}?`}
          action="Remove"
          onClose={() => setRemoving(null)}
          onConfirm={() => chat.groups.remove(summary.id, removing.id).then(() => null, inWords)}
        >
          <p>
            <bdi>{removing.name}</bdi> won’t see this group any more. What they wrote stays.
          </p>
        </Confirm>
      )}
    </div>
  );
}
