import type { Columns } from "../state/columns.ts";

/** The share of a layer's samples that its usual range leaves out at either end. */
const LEFT_OUT = 0.1;
/** Samples used at most, and needed at least. */
const MOST = 200;
const FEWEST = 8;

/** Between which values a metric of a layer usually is; null where there are too few samples. */
export function usualRange(
  columns: Columns,
  metric: string,
  layer: number,
): [number, number] | null {
  const history = columns.history(metric);
  if (history === undefined) return null;
  const stride = Math.max(1, Math.floor(columns.count / MOST));
  const values: number[] = [];
  for (let column = 0; column < columns.count; column += stride) {
    const value = history.value[column * columns.width + layer] as number;
    if (!Number.isNaN(value)) values.push(value);
  }
  if (values.length < FEWEST) return null;
  values.sort((a, b) => a - b);
  const cut = Math.floor(values.length * LEFT_OUT);
  return [values[cut] as number, values[values.length - 1 - cut] as number];
}
