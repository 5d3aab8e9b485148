import { useState, type ReactElement } from "react";
import { inWords } from "../../api/errors";
import { useLive } from "../../state/context";
import { titleOf, type Summary } from "../../state/summary";
import { Avatar } from "../../ui/avatar";
import { Button } from "../../ui/button";
import { Confirm } from "../../ui/confirm";
import { Dialog } from "../../ui/dialog";
import { Icon } from "../../ui/icon";
import { GroupName } from "./group-name";
import { MemberList } from "./member-list";
import styles from "./group-panel.module.css";

interface Props {
  summary: Summary;
  onAdd: () => void;
  onClose: () => void;
}

/** Everything about a group: its name, who is in it, and the way out. */
export function GroupPanel({ summary, onAdd, onClose }: Props): ReactElement {
  const { chat } = useLive();
  const [leaving, setLeaving] = useState(false);
  const owns = summary.owner_ids.includes(chat.me.id);
  const alone = owns && summary.owner_ids.length === 1 && summary.member_count > 1;
  return (
    <Dialog title="Group details" look="drawer" onClose={onClose}>
      <div className={styles.head}>
        <Avatar id={summary.id} name={titleOf(summary)} size="large" group />
        <GroupName summary={summary} editable={owns} />
      </div>
      <div className={styles.bar}>
        <h3 className={styles.count}>{summary.member_count === 1 ? "1 member" : `${summary.member_count.toLocaleString()} members`}</h3>
        {owns && (
          <Button look="text" onClick={onAdd}>
            <Icon name="add" size={18} />
            Add people
          </Button>
        )}
      </div>
      <MemberList key={summary.id} summary={summary} owns={owns} />
      <div className={styles.foot}>
        <Button look="quiet" onClick={() => setLeaving(true)}>
          <Icon name="out" size={18} />
          Leave group
        </Button>
      </div>
      {leaving && (
        <Confirm
          title={`Leave “${titleOf(summary)}”?`}
          action="Leave"
          onClose={() => setLeaving(false)}
          onConfirm={() => chat.groups.leave(summary.id).then(() => null, inWords)}
        >
          <p>You won’t see its messages any more, and only an owner can bring you back.</p>
          {alone && <p>You are its only owner: whoever has been in it longest will own it.</p>}
        </Confirm>
      )}
    </Dialog>
  );
}
