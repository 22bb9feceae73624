/** Something that others watch: they are called after each change. */
export class Emitter {
  readonly #listeners = new Set<() => void>();

  /** Calls `listener` after each change until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Tells all listeners that something has changed. */
  protected emit(): void {
    for (const listener of this.#listeners) listener();
  }
}
