import type { EntryInfo, HistogramInfo } from "../protocol/messages.gen.ts";
import { formatCount, formatFigure, formatShare } from "../util/format.ts";
import { barsPath } from "../util/svg.ts";

/** Height of a bin with one entry, as part of a power of ten: it must be seen beside an empty one. */
const ONE = 0.4;

/** The power of ten that the axis of counts ends at. */
export function topPower(counts: readonly number[]): number {
  return Math.max(1, Math.ceil(Math.log10(Math.max(1, ...counts))));
}

/** How high a count stands on a log axis that ends at 10^top, from 0 to 1. */
export function heightOf(count: number, top: number): number {
  return count > 0 ? (Math.log10(count) + ONE) / (top + ONE) : 0;
}

/** The bins of a histogram as one SVG path, each a bar of the same width: how wide their values are, the axis says. */
export function binsPath(counts: readonly number[], width: number, height: number): string {
  const top = topPower(counts);
  const heights = counts.map((count) => height * heightOf(count, top));
  return barsPath(heights, width, height);
}

/** NaN and infinite entries in words. */
export function nonfiniteWords({ nans, infinities }: HistogramInfo): string {
  const parts = [
    nans > 0 ? `${formatCount(nans)} NaN` : "",
    infinities > 0 ? `${formatCount(infinities)} infinite` : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** The share of entries that are 0, in words. */
export function zeroWords({ zeros, total }: HistogramInfo): string {
  if (zeros === 0) return "no zeros";
  return zeros < total / 1000
    ? `${formatCount(zeros)} zero${zeros === 1 ? "" : "s"}`
    : `${formatShare(zeros / total)} zeros`;
}

/** The step that a histogram belongs to, in words. */
export function whenWords({ step }: HistogramInfo): string {
  return step === null ? "before the first step" : `step ${formatCount(step)}`;
}

/** What a histogram shows, for those who do not see it. */
export function spreadWords(title: string, spread: HistogramInfo): string {
  const { total, low, high } = spread;
  const range =
    low === null || high === null
      ? "none finite"
      : `from ${formatFigure(low)} to ${formatFigure(high)}`;
  const odd = nonfiniteWords(spread) || "none NaN or infinite";
  return `${title}, ${whenWords(spread)}: ${formatCount(total)} entries ${range}, ${zeroWords(spread)}, ${odd}`;
}

/** An entry as it would be written in code: weight[3, 17] = −21,000. */
export function entryWords({ parameter, index, value }: EntryInfo): string {
  return `${parameter}${index.length > 0 ? `[${index.join(", ")}]` : ""} = ${formatFigure(Number(value))}`;
}
