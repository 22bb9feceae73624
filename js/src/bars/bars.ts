import type { Scale } from "../util/scale.ts";

/** What draws the bars: ourselves everywhere, and bqplot where its models can be reached. */
export interface Bars {
  /** Puts the drawing into an element, which is in the page; it fills that and follows its size. */
  attach(el: HTMLElement): void;
  /** Shows one bar per row: `values` in row order, NaN for none, and their CSS `colors`. */
  draw(values: ArrayLike<number>, colors: string[], scale: Scale): void;
  remove(): void;
}
