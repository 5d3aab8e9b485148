/** State outside React: `subscribe` and `getSnapshot` are what `useSyncExternalStore` asks for. */
export abstract class Store<State> {
  #listeners = new Set<() => void>();
  #snapshot: State;

  constructor(initial: State) {
    this.#snapshot = initial;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getSnapshot = (): State => this.#snapshot;

  protected set(next: State): void {
    if (Object.is(next, this.#snapshot)) return;
    this.#snapshot = next;
    for (const listener of [...this.#listeners]) listener();
  }
}
