import type { Columns } from "../state/columns.ts";
import { formatCode, formatMeasured } from "../util/format.ts";
import { fittedHeight, outline } from "./outline.ts";
import type { TimeAxis } from "./time-axis.ts";

/** Some lines of the timeline that share a height scale. */
export interface Band {
  /** Its scalars as they were logged, and their titles. */
  names: string[];
  titles: string[];
  log: boolean;
}

/** Scalars that gradwidget logs itself; each has its own place, or none, on the timeline. */
const OWN = new Set([
  "loss",
  "total_grad_norm",
  "raw_total_grad_norm",
  "lr",
  "loss_scale",
  "overhead",
  "spent",
  "time",
  // What the rules read of the loop, its inputs and its optimizer.
  "eval_mode",
  "most_dropped",
  "passes",
  "unstepped",
  "stepped_elsewhere",
  "gradients_kept",
  "loss_is_leaf",
  "lost_derivatives",
  "unscaled_late",
  "same_batch",
  "input_rms",
  "input_mean",
  "input_std",
  "input_max_abs",
  "input_nonfinite",
  "input_variety",
  "input_feature_ratio",
  "input_samples",
  "target_classes",
  "target_class",
  "target_class_min",
  "target_class_max",
  "target_min",
  "target_max",
  "target_mean",
  "target_std",
  "constant_error",
  "explained_share",
  "weight_decay",
  "momentum",
  "eps",
  "maximize",
]);
const PADDING = 3;
const LEAST_HEIGHT = 38;
const TITLE_HEIGHT = 16;
/** Relative difference up to which two values are drawn at the same place. */
const EQUAL = 1e-4;

/** What the names of the rates begin with that are not the first, as of other optimizers. */
export const FURTHER_RATE = "lr/";

/** The bands of the timeline: losses, norms, rates where there are several, then the user's own. */
export function bandsOf(columns: Columns): Band[] {
  const { names } = columns;
  const losses = names.filter(
    (name) => name === "loss" || (!OWN.has(name) && name.includes("loss")),
  );
  const norms = ["total_grad_norm", "raw_total_grad_norm"].filter((name) => names.includes(name));
  if (norms.length === 2 && agree(columns, norms[0] as string, norms[1] as string)) norms.pop();
  const rates = names.filter((name) => name.startsWith(FURTHER_RATE)).sort();
  const others = names.filter(
    (name) => !OWN.has(name) && !losses.includes(name) && !rates.includes(name),
  );
  const bands: Band[] = [];
  if (losses.length > 0) bands.push({ names: losses, titles: losses.map(formatCode), log: false });
  if (norms.length > 0)
    bands.push({ names: norms, titles: ["total norm (log)", "before clipping"], log: true });
  if (rates.length > 0)
    bands.push({
      names: ["lr", ...rates],
      titles: ["learning rate (log)", ...rates.map((name) => name.slice(FURTHER_RATE.length))],
      log: true,
    });
  const singles = others.map((name) => ({ names: [name], titles: [formatCode(name)], log: false }));
  return [...bands, ...singles];
}

/** Whether two scalars are the same at every step, so that one line shows both. */
function agree(columns: Columns, one: string, other: string): boolean {
  const [a, b] = [columns.history(one)?.value, columns.history(other)?.value];
  if (a === undefined || b === undefined) return false;
  for (let column = 0; column < columns.count; column++) {
    const [first, second] = [a[column] as number, b[column] as number];
    if (Math.abs(first - second) > EQUAL * Math.abs(first)) return false;
  }
  return true;
}

/** Height of a band in pixels: its titles are beside it, one below the other. */
export function heightOf(band: Band): number {
  return Math.max(LEAST_HEIGHT, TITLE_HEIGHT * band.names.length);
}

/** The SVG paths of a band that begins at the height `top`, one per name. */
export function bandPaths(
  columns: Columns,
  band: Band,
  axis: TimeAxis,
  width: number,
  top: number,
): string[] {
  const bottom = top + heightOf(band) - PADDING;
  const height = fittedHeight(columns, band.names, band.log, top + PADDING, bottom);
  return band.names.map((name) => outline(columns, name, axis, width, height));
}

/** The newest value of a scalar at or before a column, in words. */
export function valueTextAt(columns: Columns, name: string, column: number): string {
  const values = columns.history(name)?.value;
  let at = column;
  // Between two steps that were sampled the loss alone is known.
  while (values !== undefined && at > 0 && Number.isNaN(values[at])) at--;
  const value = values?.[at];
  return value === undefined || Number.isNaN(value) ? "" : formatMeasured(value);
}
