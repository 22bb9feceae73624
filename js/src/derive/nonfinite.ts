import type { Columns } from "../state/columns.ts";

/** Whether a layer's value at a place of the columns was NaN or infinite. */
export type NonfiniteTest = (at: number) => boolean;

/**
 * The test for one metric. Such values come as missing; the count of NaN and Inf entries among the
 * numbers that the metric is computed from tells them from values that were not measured.
 */
export function nonfiniteIn(samples: Columns, metric: string): NonfiniteTest {
  const counts = samples.history(countOf(metric))?.high;
  return counts === undefined ? () => false : (at) => (counts[at] as number) > 0;
}

function countOf(metric: string): string {
  if (metric.startsWith("act_grad")) return "";
  if (metric.startsWith("act_")) return "act_nonfinite";
  return metric.includes("grad") ? "grad_nonfinite" : "weight_nonfinite";
}
