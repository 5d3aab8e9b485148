import { Store } from "../lib/store";

const STAY_MS = 7_000;

/** One quiet line at the edge of the page; the next takes its place. */
export class Notices extends Store<string | null> {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super(null);
  }

  say(words: string): void {
    clearTimeout(this.#timer);
    this.set(words);
    this.#timer = setTimeout(() => this.set(null), STAY_MS);
  }

  dismiss(): void {
    clearTimeout(this.#timer);
    this.set(null);
  }
}
