import type { Scale } from "../util/scale.ts";

/** What draws the bars: bqplot in a notebook. */
export interface Bars {
  /** Puts the drawing into an element; it fills that and follows its size from then on. */
  attach(el: HTMLElement): Promise<void>;
  /** Shows one bar per row: `values` in row order, NaN for none, and their CSS `colors`. */
  draw(values: ArrayLike<number>, colors: string[], scale: Scale): void;
  remove(): void;
}
