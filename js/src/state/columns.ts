import { type Groups, Track } from "./track.ts";

/** One column on its way in: numbers by name, with extremes where it stands for several steps. */
export interface Column {
  step: number;
  values: Map<string, ColumnValue>;
}

export interface ColumnValue {
  value: ArrayLike<number>;
  low?: ArrayLike<number>;
  high?: ArrayLike<number>;
}

/**
 * Columns in step order, bounded in number: the newest half one by one, older ones joined, ever more to a column as
 * the run grows. A joined column keeps its lowest and highest value, so that a spike is never averaged away.
 */
export class Columns {
  readonly width: number;
  readonly capacity: number;
  readonly steps: Float64Array;
  readonly #spans: Float64Array;
  readonly #tracks = new Map<string, Track>();
  #count = 0;
  #longest = 1;

  constructor(width: number, capacity: number) {
    this.width = width;
    this.capacity = capacity;
    this.steps = new Float64Array(capacity);
    this.#spans = new Float64Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  get names(): string[] {
    return [...this.#tracks.keys()];
  }

  track(name: string): Track | undefined {
    return this.#tracks.get(name);
  }

  append(column: Column): void {
    if (this.#count === this.capacity) this.#fold();
    const at = this.#count++;
    this.steps[at] = column.step;
    this.#spans[at] = 1;
    for (const [name, { value, low, high }] of column.values) {
      let track = this.#tracks.get(name);
      if (track === undefined) {
        track = new Track(this.width, this.capacity);
        this.#tracks.set(name, track);
      }
      track.put(at, value, low, high);
    }
  }

  /** The last column that began at or before `step`; -1 where there is none. */
  at(step: number): number {
    return this.#countUntil((start) => start <= step) - 1;
  }

  /** How many columns began before `step`. */
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

  /** Joins the older half into columns twice as long as before, until that makes room. */
  #fold(): void {
    const old = this.#count - (this.capacity >> 1);
    let groups = this.#grouping(old);
    while ((groups[old - 1] as number) + 1 > old * 0.75) {
      this.#longest *= 2;
      groups = this.#grouping(old);
    }
    for (const track of this.#tracks.values()) track.join(groups, this.#spans);
    this.#joinSteps(groups);
    for (const track of this.#tracks.values()) track.clearFrom(this.#count);
  }

  #grouping(old: number): Groups {
    const groups = new Int32Array(this.#count);
    let group = -1;
    let span = Number.POSITIVE_INFINITY;
    for (let column = 0; column < this.#count; column++) {
      const own = this.#spans[column] as number;
      if (column >= old || span + own > this.#longest) {
        group++;
        span = own;
      } else {
        span += own;
      }
      groups[column] = group;
    }
    return groups;
  }

  #joinSteps(groups: Groups): void {
    let last = -1;
    groups.forEach((group, column) => {
      const span = this.#spans[column] as number;
      if (group === last) {
        this.#spans[group] = (this.#spans[group] as number) + span;
      } else {
        this.steps[group] = this.steps[column] as number;
        this.#spans[group] = span;
      }
      last = group;
    });
    this.#count = last + 1;
  }
}
