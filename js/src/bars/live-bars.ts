import type { Scale } from "../util/scale.ts";
import type { Bars } from "./bars.ts";

/** Bars that are made elsewhere and come later, or never. */
export interface LateBars extends Omit<Bars, "attach"> {
  /** Done once the bars are in the element and may be drawn; fails where they cannot be made. */
  attach(el: HTMLElement): Promise<void>;
  /** Calls `then` as soon as what was drawn is in the page. */
  whenShown(then: () => void): void;
}

/** Some bars at once, and others in their place from the moment that these are in the page. */
export class LiveBars implements Bars {
  readonly #first: Bars;
  readonly #late: LateBars;
  #drawn: Parameters<Bars["draw"]> | null = null;
  #shown: Pick<Bars, "draw">[];

  constructor(first: Bars, late: LateBars) {
    this.#first = first;
    this.#late = late;
    this.#shown = [first];
  }

  attach(el: HTMLElement): void {
    this.#first.attach(el);
    this.#late.attach(el).then(
      () => this.#replace(),
      // Some hosts let a widget reach no other: then the first bars stay, and lack nothing.
      (error: unknown) => console.debug("gradwidget: bars without bqplot:", error),
    );
  }

  draw(values: ArrayLike<number>, colors: string[], scale: Scale): void {
    this.#drawn = [values, colors, scale];
    for (const bars of this.#shown) bars.draw(values, colors, scale);
  }

  remove(): void {
    this.#first.remove();
    this.#late.remove();
  }

  #replace(): void {
    this.#shown = [this.#first, this.#late];
    if (this.#drawn !== null) this.#late.draw(...this.#drawn);
    this.#late.whenShown(() => {
      this.#shown = [this.#late];
      this.#first.remove();
    });
  }
}
