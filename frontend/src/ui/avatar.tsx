import type { ReactElement } from "react";
import { initialsOf } from "../lib/text";
import styles from "./avatar.module.css";

const HUES = 10;

interface Props {
  id: string;
  name: string;
  online?: boolean;
  size?: "small" | "medium" | "large";
  /** Looks like several. */
  group?: boolean;
}

/** Initials on a colour that belongs to the id, so that a new name keeps the colour. Decoration: the name stands beside it. */
export function Avatar({ id, name, online = false, size = "medium", group = false }: Props): ReactElement {
  return (
    <span className={`${styles.avatar} ${styles[size]} ${styles[`hue${hueOf(id)}`]} ${group ? styles.group : ""}`} aria-hidden="true">
      {initialsOf(name)}
      {online && <span className={styles.online} data-testid="online-dot" />}
    </span>
  );
}

export function hueOf(id: string): number {
  // FNV-1a; its upper half, because the lower bits of similar ids are similar too.
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash >>> 16) % HUES;
}
