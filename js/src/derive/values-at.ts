import type { Columns } from "../state/columns.ts";
import { nonfiniteIn } from "./nonfinite.ts";

/** How many columns back a value is still shown when newer samples lack it. */
const LOOK_BACK = 64;

/** One value per layer, and the step at which each was measured. */
export interface LayerValues {
  values: Float64Array;
  /** NaN where there is no value. */
  steps: Float64Array;
}

/**
 * The values of a metric at a column: of each layer the newest at or before it, infinite where it
 * was not finite.
 */
export function valuesAt(samples: Columns, metric: string, column: number): LayerValues {
  const values = new Float64Array(samples.width).fill(Number.NaN);
  const steps = new Float64Array(samples.width).fill(Number.NaN);
  const numbers = samples.history(metric)?.value;
  if (numbers === undefined) return { values, steps };
  const isNonfinite = nonfiniteIn(samples, metric);
  for (let layer = 0; layer < samples.width; layer++) {
    for (let back = column; back >= 0 && back > column - LOOK_BACK; back--) {
      const at = back * samples.width + layer;
      const value = isNonfinite(at) ? Number.POSITIVE_INFINITY : (numbers[at] as number);
      if (Number.isNaN(value)) continue;
      values[layer] = value;
      steps[layer] = samples.steps[back] as number;
      break;
    }
  }
  return { values, steps };
}
