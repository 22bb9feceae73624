import type { Columns } from "./columns.ts";
import type { Span } from "./util/span.ts";

/** A value this many decades from the mean of its cell is shown in its place: a spike is never averaged away. */
const STRIKING = 1;

/** For each pixel across, the columns [from, to) that it shows; empty before the first. */
export interface PixelColumns {
  from: Int32Array;
  to: Int32Array;
}

/** Which columns fall on which pixel; between two samples a pixel goes on showing the earlier one. */
export function pixelColumns(columns: Columns, { first, last }: Span, width: number): PixelColumns {
  const from = new Int32Array(width);
  const to = new Int32Array(width);
  for (let x = 0; x < width; x++) {
    const begin = columns.at(first + ((last - first) * x) / width);
    const end = columns.at(first + ((last - first) * (x + 1)) / width);
    from[x] = Math.max(0, end > begin ? begin + 1 : begin);
    to[x] = end + 1;
  }
  return { from, to };
}

/** Writes the value of each pixel of one row into `into`: log10 of it where `log`; NaN where there is none. */
export function fillRow(
  into: Float32Array,
  columns: Columns,
  metric: string,
  layers: number[],
  pixels: PixelColumns,
  log: boolean,
): void {
  into.fill(Number.NaN);
  const track = columns.track(metric);
  if (track === undefined) return;
  const { width } = columns;
  const { value, low, high } = track;
  const exact = low === value;
  for (let x = 0; x < into.length; x++) {
    let total = 0;
    let count = 0;
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let column = pixels.from[x] as number; column < (pixels.to[x] as number); column++) {
      for (const layer of layers) {
        const at = column * width + layer;
        const raw = value[at] as number;
        if (Number.isNaN(raw)) continue;
        const scaled = log ? Math.log10(raw) : raw;
        total += scaled;
        count++;
        const bottom = exact ? scaled : log ? Math.log10(low[at] as number) : (low[at] as number);
        const top = exact ? scaled : log ? Math.log10(high[at] as number) : (high[at] as number);
        if (bottom < least) least = bottom;
        if (top > most) most = top;
      }
    }
    if (count === 0) continue;
    const mean = total / count;
    if (!log) into[x] = most;
    else if (most - mean > STRIKING && !(mean - least > most - mean)) into[x] = most;
    else if (mean - least > STRIKING) into[x] = least;
    else into[x] = mean;
  }
}
