import type { ReactElement } from "react";
import type { Note } from "../../state/notes";
import styles from "./timeline.module.css";

interface Props {
  note: Note;
  me: string;
  name: string;
}

/** Who came into the group, or left it. */
export function NoteRow({ note, me, name }: Props): ReactElement {
  return (
    <p className={styles.note}>
      {note.user.id === me ? "You" : <bdi>{name}</bdi>} {note.kind === "joined" ? "joined" : "left"}
    </p>
  );
}
