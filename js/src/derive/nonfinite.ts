import type { Columns } from "../state/columns.ts";

/** Whether a layer's figure is missing at a column because what it measures was NaN or infinite there. */
export type Spoiled = (at: number) => boolean;

/** For a metric: tells by the count of NaN and Inf entries that was taken of the same numbers. */
export function spoiledFor(samples: Columns, metric: string): Spoiled {
  const counts = samples.track(countOf(metric))?.high;
  return counts === undefined ? () => false : (at) => (counts[at] as number) > 0;
}

function countOf(metric: string): string {
  if (metric.startsWith("act_grad")) return "";
  if (metric.startsWith("act_")) return "act_nonfinite";
  return metric.includes("grad") ? "grad_nonfinite" : "weight_nonfinite";
}
