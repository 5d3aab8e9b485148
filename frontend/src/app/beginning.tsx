import type { ReactElement } from "react";
import { dayName } from "../lib/times";
import type { Summary } from "../state/summary";
import { Avatar } from "../ui/avatar";
import styles from "./conversation-pane.module.css";

interface Props {
  id: string;
  name: string;
  group: Summary | null;
  /** When the conversation came into being, null before its first message. */
  since: string | null;
}

/** Stands above the first message. */
export function Beginning({ id, name, group, since }: Props): ReactElement {
  const first = name.split(/\s/u)[0] ?? name;
  return (
    <div className={styles.beginning}>
      <Avatar id={id} name={name} size="large" group={group !== null} />
      <p className={styles.hello} dir="auto">
        {since === null ? `Say hello to ${first}` : name}
      </p>
      <p>{since === null ? "Only the two of you will read what you write here." : group === null ? `You two have been talking since ${sinceWords(since)}.` : `A group since ${sinceWords(since)}. Whoever joins can read all of it.`}</p>
    </div>
  );
}

function sinceWords(at: string): string {
  const day = dayName(at, new Date());
  return /^\p{L}+$/u.test(day) ? day.toLowerCase() : day;
}
