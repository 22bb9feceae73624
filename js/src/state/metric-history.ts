import { greater, lesser } from "../util/extremes.ts";

/** Into which new column each old one is merged: column i goes into column targets[i]. */
export type MergeTargets = Int32Array;

/**
 * One metric over the run: each column has one number per layer, and their extremes where it
 * covers several steps.
 */
export class MetricHistory {
  readonly width: number;
  readonly value: Float32Array;
  #low: Float32Array | null = null;
  #high: Float32Array | null = null;

  constructor(width: number, capacity: number) {
    this.width = width;
    this.value = new Float32Array(width * capacity).fill(Number.NaN);
  }

  /** Lowest values; the values themselves as long as every column is a single step. */
  get low(): Float32Array {
    return this.#low ?? this.value;
  }

  /** Highest values; the values themselves as long as every column is a single step. */
  get high(): Float32Array {
    return this.#high ?? this.value;
  }

  /** Writes one column. */
  put(
    column: number,
    value: ArrayLike<number>,
    low?: ArrayLike<number>,
    high?: ArrayLike<number>,
  ): void {
    const at = column * this.width;
    if (low !== undefined || high !== undefined) this.#needExtremes();
    this.value.set(value, at);
    this.#low?.set(low ?? value, at);
    this.#high?.set(high ?? value, at);
  }

  /** Merges neighboring columns; a column's weight is how many steps it covers. */
  merge(targets: MergeTargets, weights: ArrayLike<number>): void {
    this.#needExtremes();
    const { value, low, high, width } = this;
    for (let layer = 0; layer < width; layer++) {
      let target = -1;
      let total = 0;
      let weight = 0;
      let least = Number.NaN;
      let most = Number.NaN;
      for (let column = 0; column < targets.length; column++) {
        const from = column * width + layer;
        // The next merged column begins.
        if (targets[column] !== target) {
          target = targets[column] as number;
          total = 0;
          weight = 0;
          least = Number.NaN;
          most = Number.NaN;
        }
        const number = value[from] as number;
        if (!Number.isNaN(number)) {
          total += number * (weights[column] as number);
          weight += weights[column] as number;
        }
        least = lesser(least, low[from] as number);
        most = greater(most, high[from] as number);
        // In place: a column is never merged into one behind it.
        const to = target * width + layer;
        value[to] = weight > 0 ? total / weight : Number.NaN;
        low[to] = least;
        high[to] = most;
      }
    }
  }

  /** Makes everything from column `count` on unmeasured. */
  clearFrom(count: number): void {
    this.value.fill(Number.NaN, count * this.width);
    this.#low?.fill(Number.NaN, count * this.width);
    this.#high?.fill(Number.NaN, count * this.width);
  }

  #needExtremes(): void {
    this.#low ??= this.value.slice();
    this.#high ??= this.value.slice();
  }
}
