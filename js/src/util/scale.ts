import { formatFigure, formatPower, formatShare } from "./format.ts";

export type ScaleKind = "log" | "linear";

/** From a value to its place between the two ends of an axis. */
export interface Scale {
  readonly kind: ScaleKind;
  readonly low: number;
  readonly high: number;
}

export interface Tick {
  value: number;
  label: string;
}

/** Where a value lies on the axis, 0 at its low end and 1 at its high end; held within it. NaN stays NaN. */
export function place(scale: Scale, value: number): number {
  const [low, high, at] =
    scale.kind === "log"
      ? [
          Math.log10(scale.low),
          Math.log10(scale.high),
          value > 0 ? Math.log10(value) : value === 0 ? -Infinity : Number.NaN,
        ]
      : [scale.low, scale.high, value];
  return Math.min(1, Math.max(0, (at - low) / (high - low)));
}

/** Ticks at powers of ten, or at round shares, at least `apart` pixels from each other on an axis `width` wide. */
export function ticksOf(scale: Scale, width: number, apart = 46): Tick[] {
  const most = Math.max(1, Math.floor(width / apart));
  if (scale.kind === "linear") {
    const steps = [4, 2, 1].find((count) => count <= most) ?? 1;
    const label = scale.high === 1 ? formatShare : formatFigure;
    return Array.from(
      { length: steps + 1 },
      (_, i) => scale.low + ((scale.high - scale.low) * i) / steps,
    ).map((value) => ({ value, label: label(value) }));
  }
  const low = Math.round(Math.log10(scale.low));
  const high = Math.round(Math.log10(scale.high));
  const stride = Math.max(1, Math.ceil((high - low) / most));
  const ticks: Tick[] = [];
  for (let exponent = Math.ceil(low / stride) * stride; exponent <= high; exponent += stride) {
    ticks.push({ value: 10 ** exponent, label: formatPower(exponent) });
  }
  return ticks;
}
