import type { Columns } from "../state/columns.ts";
import { placeStep, type TimeAxis } from "./time-axis.ts";

/** From a value to its height, 0 at the top; NaN where it has none. */
export type Height = (value: number) => number;

/**
 * A statistic over the steps as an SVG path `width` pixels wide. What falls on one pixel is drawn
 * from its lowest to its highest value, so that nothing is lost however many steps there are; steps
 * without a value are left out. Where the columns have many layers, `layer` is the one drawn.
 */
export function outline(
  columns: Columns,
  name: string,
  axis: TimeAxis,
  width: number,
  height: Height,
  layer = 0,
): string {
  const history = columns.history(name);
  if (history === undefined) return "";
  let path = "";
  let pixel = Number.NaN;
  let top = 0;
  let bottom = 0;
  const finish = (): void => {
    if (Number.isNaN(pixel)) return;
    path += `${path === "" ? "M" : "L"}${pixel} ${bottom.toFixed(1)}`;
    if (top < bottom - 0.5) path += `L${pixel} ${top.toFixed(1)}`;
  };
  for (let column = 0; column < columns.count; column++) {
    const at = column * columns.width + layer;
    const low = height(history.low[at] as number);
    const high = height(history.high[at] as number);
    if (Number.isNaN(low) || Number.isNaN(high)) continue;
    const x = Math.round(placeStep(axis, columns.steps[column] as number) * width);
    if (x !== pixel) {
      finish();
      pixel = x;
      top = Number.POSITIVE_INFINITY;
      bottom = Number.NEGATIVE_INFINITY;
    }
    top = Math.min(top, low, high);
    bottom = Math.max(bottom, low, high);
  }
  finish();
  return path;
}

/**
 * Heights for all values of some statistics, on a log scale where `log`: the greatest is at `top`,
 * the least at `bottom`; where all are equal, they are in the middle.
 */
export function fittedHeight(
  columns: Columns,
  names: string[],
  log: boolean,
  top: number,
  bottom: number,
  layer = 0,
): Height {
  const scaled = (value: number): number => {
    if (!Number.isFinite(value) || (log && value <= 0)) return Number.NaN;
    return log ? Math.log10(value) : value;
  };
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const name of names) {
    const history = columns.history(name);
    for (let column = 0; history !== undefined && column < columns.count; column++) {
      const at = column * columns.width + layer;
      const low = scaled(history.low[at] as number);
      const high = scaled(history.high[at] as number);
      if (low < least) least = low;
      if (high > most) most = high;
    }
  }
  return (value) => {
    const at = scaled(value);
    if (Number.isNaN(at)) return Number.NaN;
    const share = most > least ? (at - least) / (most - least) : 0.5;
    return top + (bottom - top) * (1 - share);
  };
}
