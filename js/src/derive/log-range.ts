import type { Scale } from "../util/scale.ts";

/** Decades an axis has at least. */
const FEWEST = 4;
/** Updates in a row for which an end must have two spare decades before it moves in. */
const PATIENCE = 60;
/** float32 goes no further. */
const LOWEST = -45;
const HIGHEST = 39;

/** The ends of a log axis that does not jump: it grows by whole decades and shrinks slowly. */
export class LogRange {
  readonly #spare: number;
  #low: number | null = null;
  #high = 0;
  #idleLow = 0;
  #idleHigh = 0;

  /** `spare` decades are added at an end that must grow, so that it need not soon grow again. */
  constructor(spare = 1) {
    this.#spare = spare;
  }

  get scale(): Scale {
    return { kind: "log", low: 10 ** (this.#low ?? -FEWEST), high: 10 ** this.#high };
  }

  /** Fits the values now shown; a log axis has no place for zero, negative or infinite ones. */
  update(values: Iterable<number>): Scale {
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (const value of values) {
      if (!(value > 0) || value === Number.POSITIVE_INFINITY) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    if (most === Number.NEGATIVE_INFINITY) return this.scale;
    this.#fit(Math.floor(Math.log10(least)), Math.ceil(Math.log10(most)));
    return this.scale;
  }

  #fit(low: number, high: number): void {
    if (this.#low === null) {
      // Spare room is on both sides of the values, so that similar layers look neither tiny nor
      // huge.
      const unneeded = Math.max(0, FEWEST - (high - low + this.#spare));
      this.#low = low - this.#spare - Math.ceil(unneeded / 2);
      this.#high = high + Math.floor(unneeded / 2);
      return;
    }
    // An end that is too close grows at once.
    if (low < this.#low + Math.min(1, this.#spare)) this.#low = Math.max(LOWEST, low - this.#spare);
    if (high > this.#high) this.#high = Math.min(HIGHEST, high + this.#spare);
    // An end that has been too far for long enough shrinks by a decade.
    this.#idleLow = low - this.#spare - this.#low >= 2 ? this.#idleLow + 1 : 0;
    this.#idleHigh = this.#high - high >= 2 ? this.#idleHigh + 1 : 0;
    if (this.#idleLow > PATIENCE && this.#high - this.#low > FEWEST) {
      this.#low++;
      this.#idleLow = 0;
    }
    if (this.#idleHigh > PATIENCE && this.#high - this.#low > FEWEST) {
      this.#high--;
      this.#idleHigh = 0;
    }
  }
}
