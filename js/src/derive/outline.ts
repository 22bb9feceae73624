import type { Columns } from "../state/columns.ts";
import { placeStep, type Span } from "./time-axis.ts";

/** From a value to its height, 0 at the top; NaN where it has none. */
export type Height = (value: number) => number;

/**
 * A figure over the steps as an SVG path `width` wide: what falls on one pixel is drawn from its lowest to its highest
 * value, so that nothing is lost however many steps there are. Steps without the figure are passed over. Where the
 * columns have many layers, `layer` says which.
 */
export function outline(
  columns: Columns,
  name: string,
  span: Span,
  width: number,
  height: Height,
  layer = 0,
): string {
  const track = columns.track(name);
  if (track === undefined) return "";
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
    const low = height(track.low[at] as number);
    const high = height(track.high[at] as number);
    if (Number.isNaN(low) || Number.isNaN(high)) continue;
    const x = Math.round(placeStep(span, columns.steps[column] as number) * width);
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
