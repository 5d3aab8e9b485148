import type { ReactElement } from "react";
import type { Message } from "../../api/types";
import { Menu, type MenuItem } from "../../ui/menu";
import type { MessageActions } from "./actions";
import styles from "./message.module.css";

interface Props {
  message: Message;
  /** "your message", "the message of Ben". */
  who: string;
  actions: MessageActions;
  mayEdit: boolean;
  mayDelete: boolean;
  tabStop: boolean;
}

export function MessageMenu({ message, who, actions, mayEdit, mayDelete, tabStop }: Props): ReactElement {
  const items: MenuItem[] = [{ label: "Reply", icon: "reply", onChoose: () => actions.reply(message) }];
  // Without a secure context there is no clipboard.
  const clipboard = (navigator as { clipboard?: Clipboard }).clipboard;
  if (clipboard !== undefined) items.push({ label: "Copy text", icon: "copy", onChoose: () => void clipboard.writeText(message.content ?? "").catch(() => undefined) });
  if (mayEdit) items.push({ label: "Edit", icon: "edit", onChoose: () => actions.edit(message) });
  if (mayDelete) items.push({ label: "Delete", icon: "bin", danger: true, onChoose: () => actions.delete(message) });
  return <Menu className={styles.menu ?? ""} label={`Actions for ${who}`} items={items} tabIndex={tabStop ? 0 : -1} />;
}

/** Up and down lead from one message's menu to the next. */
export function moveBetweenMenus(log: HTMLElement, from: EventTarget, key: string): boolean {
  if ((key !== "ArrowUp" && key !== "ArrowDown") || !(from instanceof HTMLElement) || !("menu" in from.dataset)) return false;
  const menus = [...log.querySelectorAll<HTMLElement>("[data-menu]")];
  const next = menus[menus.indexOf(from) + (key === "ArrowUp" ? -1 : 1)];
  next?.focus();
  return true;
}
