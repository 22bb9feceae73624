import { Emitter } from "../util/emitter.ts";

/** What one view shows; two views of the same run may show different things. */
interface Choices {
  /** The metric of bars and heatmap. */
  metric: string;
  /** The step travelled to; null follows the run. */
  cursor: number | null;
  /** The layer whose detail is open. */
  opened: string | null;
  /** The finding whose layers the reader asked for, by its key; null for none. */
  pointed: string | null;
  /** The text that names of layers are searched for; empty for none. */
  search: string;
  /** Of the layers found, the one that is shown; null for none. */
  found: string | null;
  /** Groups that the reader opened (true) or closed (false) by hand. */
  groups: ReadonlyMap<string, boolean>;
}

/** The reader's choices in one view. */
export class ViewOptions extends Emitter {
  #choices: Choices = {
    metric: "grad_rms",
    cursor: null,
    opened: null,
    pointed: null,
    search: "",
    found: null,
    groups: new Map(),
  };

  #isChosen = false;
  #followed = "";

  get choices(): Readonly<Choices> {
    return this.#choices;
  }

  /** Shows a metric that the reader asks for: from now on none comes by itself. */
  choose(metric: string): void {
    this.#isChosen = true;
    this.change({ metric });
  }

  /**
   * Shows the metric of what leads the story when that changes, unless the reader has chosen one.
   * It tells nobody: it is for whoever is about to draw.
   */
  follow(story: string, metric: string): void {
    if (story === this.#followed) return;
    this.#followed = story;
    if (!this.#isChosen) this.#choices = { ...this.#choices, metric };
  }

  change(changes: Partial<Choices>): void {
    this.#choices = { ...this.#choices, ...changes };
    this.emit();
  }
}
