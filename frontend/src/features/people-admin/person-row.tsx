import type { ReactElement } from "react";
import type { User } from "../../api/types";
import { Avatar } from "../../ui/avatar";
import { Menu, type MenuItem } from "../../ui/menu";
import styles from "./people-screen.module.css";

interface Props {
  user: User;
  isMe: boolean;
  onRename: () => void;
  onRole: (role: "admin" | "member") => void;
  onDelete: () => void;
}

export function PersonRow({ user, isMe, onRename, onRole, onDelete }: Props): ReactElement {
  const isAdmin = user.role === "admin";
  const items: MenuItem[] = [
    { label: "Rename", icon: "edit", onChoose: onRename },
    { label: isAdmin ? "Make member" : "Make admin", icon: "crown", onChoose: () => onRole(isAdmin ? "member" : "admin") },
  ];
  // One's own account ends in one's own settings.
  if (!isMe) items.push({ label: "Delete", icon: "bin", danger: true, onChoose: onDelete });
  return (
    <li className={styles.person}>
      <Avatar id={user.id} name={user.name} />
      <div className={styles.who}>
        <bdi className={styles.name}>{user.name}</bdi>
        <span className={styles.email}>{user.email}</span>
      </div>
      {isMe && <span className={styles.tag}>you</span>}
      {isAdmin && <span className={styles.admin}>Admin</span>}
      <Menu label={`Actions for ${user.name}`} items={items} />
    </li>
  );
}
