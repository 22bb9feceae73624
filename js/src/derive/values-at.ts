import type { Columns } from "../state/columns.ts";
import { spoiledFor } from "./nonfinite.ts";

/** How many sampled columns back a figure is still shown when the newest sample lacks it. */
const LOOK_BACK = 64;

/** What the bars show: one figure a layer and the step at which it was measured. */
export interface Reading {
  values: Float64Array;
  /** NaN where there is no figure. */
  steps: Float64Array;
}

/** The figures of a metric at a column: the newest at or before it, layer by layer; infinite where not finite. */
export function readingAt(samples: Columns, metric: string, column: number): Reading {
  const values = new Float64Array(samples.width).fill(Number.NaN);
  const steps = new Float64Array(samples.width).fill(Number.NaN);
  const numbers = samples.track(metric)?.value;
  if (numbers === undefined) return { values, steps };
  const spoiled = spoiledFor(samples, metric);
  for (let layer = 0; layer < samples.width; layer++) {
    for (let back = column; back >= 0 && back > column - LOOK_BACK; back--) {
      const at = back * samples.width + layer;
      const value = spoiled(at) ? Number.POSITIVE_INFINITY : (numbers[at] as number);
      if (Number.isNaN(value)) continue;
      values[layer] = value;
      steps[layer] = samples.steps[back] as number;
      break;
    }
  }
  return { values, steps };
}
