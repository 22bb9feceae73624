import { formatPower, formatShare, formatValue } from "./format.ts";

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

/** Pixels between two ticks at least, so that their labels do not touch. */
const TICK_SPACING = 46;

/** Where a value is on the axis, 0 at its low end and 1 at its high end, clamped. NaN stays NaN. */
export function place(scale: Scale, value: number): number {
  if (scale.kind === "linear") return share(value, scale.low, scale.high);
  return share(log10(value), Math.log10(scale.low), Math.log10(scale.high));
}

function share(at: number, low: number, high: number): number {
  return Math.min(1, Math.max(0, (at - low) / (high - low)));
}

/** Minus infinity for 0, NaN below. */
function log10(value: number): number {
  return value >= 0 ? Math.log10(value) : Number.NaN;
}

/** Ticks at powers of ten, or at round shares, of an axis `width` pixels wide. */
export function ticksOf(scale: Scale, width: number): Tick[] {
  const most = Math.max(1, Math.floor(width / TICK_SPACING));
  return scale.kind === "linear" ? linearTicks(scale, most) : logTicks(scale, most);
}

function linearTicks({ low, high }: Scale, most: number): Tick[] {
  const parts = [4, 2, 1].find((count) => count <= most) ?? 1;
  const label = high === 1 ? formatShare : formatValue;
  return Array.from({ length: parts + 1 }, (_, i) => {
    const value = low + ((high - low) * i) / parts;
    return { value, label: label(value) };
  });
}

function logTicks(scale: Scale, most: number): Tick[] {
  const low = Math.round(Math.log10(scale.low));
  const high = Math.round(Math.log10(scale.high));
  const stride = Math.max(1, Math.ceil((high - low) / most));
  const ticks: Tick[] = [];
  for (let exponent = Math.ceil(low / stride) * stride; exponent <= high; exponent += stride) {
    ticks.push({ value: 10 ** exponent, label: formatPower(exponent) });
  }
  return ticks;
}
