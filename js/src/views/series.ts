import type { Columns } from "../columns.ts";
import { formatCode, formatFigure } from "../util/format.ts";
import { outline } from "../util/path.ts";
import type { Span } from "../util/span.ts";

/** Some lines of the timeline that share a height scale. */
export interface Band {
  title: string;
  names: string[];
  log: boolean;
}

/** Figures that gradwidget itself logs and that have their own place, or none, on the timeline. */
const OWN = new Set(["loss", "total_grad_norm", "raw_total_grad_norm", "lr", "loss_scale", "overhead", "time"]);
const PADDING = 3;

/** The bands of the timeline: losses, norms, then whatever else the user logged. */
export function bandsOf(columns: Columns): Band[] {
  const names = columns.names;
  const losses = names.filter((name) => name === "loss" || (!OWN.has(name) && name.includes("loss")));
  const norms = ["total_grad_norm", "raw_total_grad_norm"].filter((name) => names.includes(name));
  const others = names.filter((name) => !OWN.has(name) && !losses.includes(name));
  const bands: Band[] = [];
  if (losses.length > 0) bands.push({ title: "loss", names: losses, log: false });
  if (norms.length > 0) bands.push({ title: "total norm (log)", names: norms, log: true });
  return [...bands, ...others.map((name) => ({ title: formatCode(name), names: [name], log: false }))];
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
      const [low, high] = [scaled(track.low[column] as number), scaled(track.high[column] as number)];
      if (low < least) least = low;
      if (high > most) most = high;
    }
  }
  const room = height - 2 * PADDING;
  const place = (value: number): number =>
    top + PADDING + (most > least ? room * (1 - (scaled(value) - least) / (most - least)) : room / 2);
  return band.names.map((name) =>
    outline(columns, name, span, width, (value) => (Number.isNaN(scaled(value)) ? Number.NaN : place(value))),
  );
}

/** The figures of a band at a column, in words. */
export function bandFigure(columns: Columns, band: Band, column: number): string {
  const [name] = band.names;
  const value = name === undefined ? undefined : columns.track(name)?.value[column];
  return value === undefined || Number.isNaN(value) ? "" : formatFigure(value);
}
