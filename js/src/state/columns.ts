import { type MergeTargets, MetricHistory } from "./metric-history.ts";

/** One new column: numbers by name, with extremes where it covers several steps. */
export interface Column {
  step: number;
  values: Map<string, ColumnValue>;
}

export interface ColumnValue {
  value: ArrayLike<number>;
  low?: ArrayLike<number>;
  high?: ArrayLike<number>;
}

/** Merging goes on until at most this share of the older columns is left. */
const MOST_LEFT = 0.75;

/**
 * Columns in step order, at most `capacity` of them: the newest half has one step per column, older
 * ones are merged, more per column as the run grows. A merged column keeps its lowest and highest
 * value, so that a spike is never averaged away.
 */
export class Columns {
  readonly width: number;
  readonly capacity: number;
  readonly steps: Float64Array;
  /** How many appended columns each column covers. */
  readonly #lengths: Float64Array;
  readonly #histories = new Map<string, MetricHistory>();
  #count = 0;
  #longest = 1;

  constructor(width: number, capacity: number) {
    this.width = width;
    this.capacity = capacity;
    this.steps = new Float64Array(capacity);
    this.#lengths = new Float64Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  get names(): string[] {
    return [...this.#histories.keys()];
  }

  history(name: string): MetricHistory | undefined {
    return this.#histories.get(name);
  }

  append(column: Column): void {
    if (this.#count === this.capacity) this.#mergeOlder();
    const at = this.#count++;
    this.steps[at] = column.step;
    this.#lengths[at] = 1;
    for (const [name, { value, low, high }] of column.values) {
      let history = this.#histories.get(name);
      if (history === undefined) {
        history = new MetricHistory(this.width, this.capacity);
        this.#histories.set(name, history);
      }
      history.put(at, value, low, high);
    }
  }

  /** The last column that begins at or before `step`, -1 if none does; the newest for null. */
  at(step: number | null): number {
    if (step === null) return this.#count - 1;
    return this.#countUntil((start) => start <= step) - 1;
  }

  /** How many columns begin before `step`. */
  before(step: number): number {
    return this.#countUntil((start) => start < step);
  }

  #countUntil(holds: (start: number) => boolean): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.steps[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Merges the older half into columns twice as long as before, until that makes room. */
  #mergeOlder(): void {
    const older = this.#count - (this.capacity >> 1);
    let targets = this.#targets(older);
    while ((targets[older - 1] as number) + 1 > older * MOST_LEFT) {
      this.#longest *= 2;
      targets = this.#targets(older);
    }
    for (const history of this.#histories.values()) history.merge(targets, this.#lengths);
    this.#mergeSteps(targets);
    for (const history of this.#histories.values()) history.clearFrom(this.#count);
  }

  /** Where each column goes when the first `older` are merged up to the longest length. */
  #targets(older: number): MergeTargets {
    const targets = new Int32Array(this.#count);
    let target = -1;
    let length = Number.POSITIVE_INFINITY;
    for (let column = 0; column < this.#count; column++) {
      const own = this.#lengths[column] as number;
      if (column >= older || length + own > this.#longest) {
        target++;
        length = own;
      } else {
        length += own;
      }
      targets[column] = target;
    }
    return targets;
  }

  #mergeSteps(targets: MergeTargets): void {
    let last = -1;
    targets.forEach((target, column) => {
      const length = this.#lengths[column] as number;
      if (target === last) {
        this.#lengths[target] = (this.#lengths[target] as number) + length;
      } else {
        this.steps[target] = this.steps[column] as number;
        this.#lengths[target] = length;
      }
      last = target;
    });
    this.#count = last + 1;
  }
}
