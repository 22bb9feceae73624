import type { Columns } from "../state/columns.ts";
import { nonfiniteIn } from "./nonfinite.ts";
import type { TimeAxis } from "./time-axis.ts";

/** Decades from a cell's mean at which an extreme is shown instead: no spike is averaged away. */
const STRIKING = 1;

/** For each pixel of a row, the columns [from, to) that it shows; none before the first column. */
export interface PixelColumns {
  from: Int32Array;
  to: Int32Array;
}

/** Which columns fall on which pixel; between two samples a pixel shows the earlier one. */
export function pixelColumns(
  columns: Columns,
  { first, last }: TimeAxis,
  width: number,
): PixelColumns {
  const from = new Int32Array(width);
  const to = new Int32Array(width);
  let begin = columns.before(first);
  for (let x = 0; x < width; x++) {
    const end =
      x === width - 1 ? columns.count : columns.before(first + ((last - first) * (x + 1)) / width);
    from[x] = end > begin ? begin : Math.max(0, begin - 1);
    to[x] = end;
    begin = end;
  }
  return { from, to };
}

/**
 * Writes the value of each pixel of one row into `into`, as log10 where `log`: NaN where there is
 * none, infinite where it is not finite.
 */
export function fillRow(
  into: Float32Array,
  columns: Columns,
  metric: string,
  layers: number[],
  pixels: PixelColumns,
  log: boolean,
): void {
  into.fill(Number.NaN);
  const history = columns.history(metric);
  if (history === undefined) return;
  const scaled = (value: number): number => (log ? Math.log10(value) : value);
  const { low, high } = history;
  const isNonfinite = nonfiniteIn(columns, metric);
  for (let x = 0; x < into.length; x++) {
    let total = 0;
    let count = 0;
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let column = pixels.from[x] as number; column < (pixels.to[x] as number); column++) {
      const offset = column * columns.width;
      if (layers.some((layer) => isNonfinite(offset + layer))) most = Number.POSITIVE_INFINITY;
      const mean = meanOf(history.value, offset, layers, scaled);
      if (Number.isNaN(mean)) continue;
      // A group shows the mean of its layers, as its bar does.
      const single = layers.length === 1 ? offset + (layers[0] as number) : -1;
      const bottom = single < 0 ? mean : scaled(low[single] as number);
      const top = single < 0 ? mean : scaled(high[single] as number);
      total += mean;
      count++;
      if (bottom < least) least = bottom;
      if (top > most) most = top;
    }
    if (most === Number.POSITIVE_INFINITY) into[x] = most;
    else if (count > 0) into[x] = shownOf(total / count, least, most, log);
  }
}

/** A row's value at one column. */
function meanOf(
  values: Float32Array,
  offset: number,
  layers: number[],
  scaled: (value: number) => number,
): number {
  let total = 0;
  let count = 0;
  for (const layer of layers) {
    const value = values[offset + layer] as number;
    if (Number.isNaN(value)) continue;
    total += scaled(value);
    count++;
  }
  return count === 0 ? Number.NaN : total / count;
}

/** What a pixel shows of the values that fall on it: their mean, or an extreme far from it. */
function shownOf(mean: number, least: number, most: number, log: boolean): number {
  if (!log) return most;
  const [above, below] = [most - mean, mean - least];
  if (Math.max(above, below) <= STRIKING) return mean;
  return above >= below ? most : least;
}
