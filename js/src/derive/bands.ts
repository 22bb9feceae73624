import type { Columns } from "../state/columns.ts";
import { formatCode, formatMeasured } from "../util/format.ts";
import { outline } from "./outline.ts";
import type { Span } from "./time-axis.ts";

/** Some lines of the timeline that share a height scale. */
export interface Band {
  /** Its figures as they were logged, and what a reader calls them. */
  names: string[];
  titles: string[];
  log: boolean;
}

/** Figures that gradwidget itself logs and that have their own place, or none, on the timeline. */
const OWN = new Set([
  "loss",
  "total_grad_norm",
  "raw_total_grad_norm",
  "lr",
  "loss_scale",
  "overhead",
  "time",
]);
const PADDING = 3;
const LEAST_HEIGHT = 38;
const TITLE_HEIGHT = 16;

/** The bands of the timeline: losses, norms, then whatever else the user logged. */
export function bandsOf(columns: Columns): Band[] {
  const names = columns.names;
  const losses = names.filter(
    (name) => name === "loss" || (!OWN.has(name) && name.includes("loss")),
  );
  const norms = ["total_grad_norm", "raw_total_grad_norm"].filter((name) => names.includes(name));
  if (norms.length === 2 && agree(columns, norms[0] as string, norms[1] as string)) norms.pop();
  const others = names.filter((name) => !OWN.has(name) && !losses.includes(name));
  const bands: Band[] = [];
  if (losses.length > 0) bands.push({ names: losses, titles: losses.map(formatCode), log: false });
  if (norms.length > 0)
    bands.push({ names: norms, titles: ["total norm (log)", "before clipping"], log: true });
  return [
    ...bands,
    ...others.map((name) => ({ names: [name], titles: [formatCode(name)], log: false })),
  ];
}

/** Whether two figures are the same at every step, so that one line says it all. */
function agree(columns: Columns, one: string, other: string): boolean {
  const [a, b] = [columns.track(one)?.value, columns.track(other)?.value];
  if (a === undefined || b === undefined) return false;
  for (let column = 0; column < columns.count; column++) {
    const [first, second] = [a[column] as number, b[column] as number];
    if (Math.abs(first - second) > 1e-4 * Math.abs(first)) return false;
  }
  return true;
}

/** Pixels that a band is high: its titles stand beside it, one below the other. */
export function heightOf(band: Band): number {
  return Math.max(LEAST_HEIGHT, TITLE_HEIGHT * band.names.length);
}

/** The SVG paths of a band `height` high that begins at `top`, one a name. */
export function bandPaths(
  columns: Columns,
  band: Band,
  span: Span,
  width: number,
  top: number,
  height: number,
): string[] {
  const scaled = (value: number): number => {
    if (!Number.isFinite(value) || (band.log && value <= 0)) return Number.NaN;
    return band.log ? Math.log10(value) : value;
  };
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const name of band.names) {
    const track = columns.track(name);
    for (let column = 0; track !== undefined && column < columns.count; column++) {
      const [low, high] = [
        scaled(track.low[column] as number),
        scaled(track.high[column] as number),
      ];
      if (low < least) least = low;
      if (high > most) most = high;
    }
  }
  const room = height - 2 * PADDING;
  const place = (value: number): number =>
    top +
    PADDING +
    (most > least ? room * (1 - (scaled(value) - least) / (most - least)) : room / 2);
  return band.names.map((name) =>
    outline(columns, name, span, width, (value) =>
      Number.isNaN(scaled(value)) ? Number.NaN : place(value),
    ),
  );
}

/** A figure at a column, in words. */
export function figureAt(columns: Columns, name: string, column: number): string {
  const value = columns.track(name)?.value[column];
  return value === undefined || Number.isNaN(value) ? "" : formatMeasured(value);
}
