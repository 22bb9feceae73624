import { borderOf } from "../../derive/story/border.ts";
import { keyOf, leadOf } from "../../derive/story/lead.ts";
import type { Store } from "../../state/store.ts";
import type { ViewOptions } from "../../state/view-options.ts";

/** A layer, or the border behind it. */
export interface Place {
  layer: number;
  isBorder: boolean;
}

/** Which place among the rows is to be brought in sight: each one once. */
export class NextPlace {
  /** What the reader asked for. */
  wanted: Place | null = null;
  readonly #store: Store;
  readonly #options: ViewOptions;
  #found: string | null = null;
  #led: string | null = null;

  constructor(store: Store, options: ViewOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** What was asked for, or found; where that is `free` to move the rows, what has come to lead. */
  take(free: boolean): Place | null {
    const place = this.wanted ?? this.#newlyFound() ?? (free ? this.#newlyLeading() : null);
    this.wanted = null;
    return place;
  }

  /** A layer by its name; null where there is none. */
  at(name: string | null | undefined): Place | null {
    const layer = this.#store.layers.findIndex((info) => info.name === name);
    return layer < 0 ? null : { layer, isBorder: false };
  }

  #newlyFound(): Place | null {
    const { found } = this.#options.choices;
    if (found === this.#found) return null;
    this.#found = found;
    return this.at(found);
  }

  #newlyLeading(): Place | null {
    const cause = leadOf(this.#store)?.cause;
    const key = cause === undefined ? null : keyOf(cause);
    if (key === this.#led) return null;
    this.#led = key;
    if (cause === undefined) return null;
    const border = borderOf(cause, this.#store, null);
    return border === null ? this.at(cause.layers[0]) : { layer: border.above, isBorder: true };
  }
}
