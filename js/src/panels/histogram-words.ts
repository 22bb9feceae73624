import type { EntryInfo, HistogramInfo } from "../protocol/messages.gen.ts";
import { formatCount, formatShare, formatValue } from "../util/format.ts";
import { barsPath } from "../util/svg.ts";

/** Height of a bin with one entry, as a part of a decade: it must differ from an empty one. */
const ONE = 0.4;

/** The power of ten at which the axis of counts ends. */
export function topPower(counts: readonly number[]): number {
  return Math.max(1, Math.ceil(Math.log10(Math.max(1, ...counts))));
}

/** Height of a count on a log axis that ends at 10^top, from 0 to 1. */
export function heightOf(count: number, top: number): number {
  return count > 0 ? (Math.log10(count) + ONE) / (top + ONE) : 0;
}

/** The bins as one SVG path of bars of the same width: the axis says which values they cover. */
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

/** What a histogram shows, for screen readers. */
export function histogramWords(title: string, histogram: HistogramInfo): string {
  const { total, low, high } = histogram;
  const range =
    low === null || high === null
      ? "none finite"
      : `from ${formatValue(low)} to ${formatValue(high)}`;
  const entries = `${formatCount(total)} entries ${range}`;
  const nonfinite = nonfiniteWords(histogram) || "none NaN or infinite";
  return `${title}, ${whenWords(histogram)}: ${entries}, ${zeroWords(histogram)}, ${nonfinite}`;
}

/** An entry as it would be written in code: weight[3, 17] = −21,000. */
export function entryWords({ parameter, index, value }: EntryInfo): string {
  const indices = index.length > 0 ? `[${index.join(", ")}]` : "";
  return `${parameter}${indices} = ${formatValue(Number(value))}`;
}
