import { inWords } from "../api/errors";
import type { Message } from "../api/types";
import { Store } from "../lib/store";

/** A change of a message that the server has not confirmed: `content` as it shall be, null for a deletion. */
export interface Edit {
  content: string | null;
  state: { kind: "saving" } | { kind: "failed"; reason: string };
}

export interface EditPorts {
  edit(id: string, content: string): Promise<Message>;
  delete(id: string): Promise<Message>;
  done(event: "message.edited" | "message.deleted", message: Message): void;
}

/** Changes on their way, by message id: they show at once, and say so when they did not work. */
export class Edits extends Store<ReadonlyMap<string, Edit>> {
  readonly #ports: EditPorts;
  readonly #running = new Set<string>();

  constructor(ports: EditPorts) {
    super(new Map());
    this.#ports = ports;
  }

  /** The newest wish counts; one under way is followed by it. */
  change(id: string, content: string | null): void {
    this.#put(id, { content, state: { kind: "saving" } });
    void this.#run(id);
  }

  retry(id: string): void {
    const edit = this.getSnapshot().get(id);
    if (edit !== undefined) this.change(id, edit.content);
  }

  /** Forgets the wish: the message stands as the server has it. */
  undo(id: string): void {
    this.#put(id, null);
  }

  async #run(id: string): Promise<void> {
    if (this.#running.has(id)) return;
    this.#running.add(id);
    for (let edit = this.getSnapshot().get(id); edit?.state.kind === "saving"; edit = this.getSnapshot().get(id)) {
      try {
        const { content } = edit;
        const message = content === null ? await this.#ports.delete(id) : await this.#ports.edit(id, content);
        // First the message, then the wish away: so no frame shows the former text.
        this.#ports.done(content === null ? "message.deleted" : "message.edited", message);
        if (this.getSnapshot().get(id) === edit) this.#put(id, null);
      } catch (error) {
        if (this.getSnapshot().get(id) === edit) this.#put(id, { ...edit, state: { kind: "failed", reason: inWords(error) } });
      }
    }
    this.#running.delete(id);
  }

  #put(id: string, edit: Edit | null): void {
    const next = new Map(this.getSnapshot());
    if (edit === null) next.delete(id);
    else next.set(id, edit);
    this.set(next);
  }
}
