/** What one view looks at; two views of the same run may look at different things. */
interface Look {
  /** The metric of bars and heatmap. */
  metric: string;
  /** The step travelled to; null follows the run. */
  cursor: number | null;
  /** The layer whose detail is open. */
  opened: string | null;
  /** Layers that a finding was asked to show. */
  highlighted: ReadonlySet<string>;
  /** Groups that the reader opened (true) or closed (false) by hand. */
  groups: ReadonlyMap<string, boolean>;
}

/** The reader's choices in one view, and who wants to know when they change. */
export class Lens {
  #look: Look = {
    metric: "grad_rms",
    cursor: null,
    opened: null,
    highlighted: new Set(),
    groups: new Map(),
  };
  readonly #listeners = new Set<() => void>();

  get look(): Readonly<Look> {
    return this.#look;
  }

  change(changes: Partial<Look>): void {
    this.#look = { ...this.#look, ...changes };
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each change. */
  subscribe(listener: () => void): void {
    this.#listeners.add(listener);
  }
}
