import type { Scale } from "../util/scale.ts";

/** What draws the bars: bqplot in a notebook. */
export interface Bars {
  /** Puts the drawing into an element, which it fills; it follows the element's size from then on. */
  attach(el: HTMLElement): Promise<void>;
  /** Shows one bar a row: `values` in the order of the rows, NaN where there is none, in CSS `colours`. */
  draw(values: ArrayLike<number>, colours: string[], scale: Scale): void;
  remove(): void;
}
