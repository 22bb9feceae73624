import type { ProfileInfo } from "../protocol/messages.gen.ts";
import { formatCount, formatValue } from "../util/format.ts";
import { barsPath } from "../util/svg.ts";

/** Share of the height that the least norm has, so that it can be seen. */
const LEAST = 0.04;

/** The decades that all norms above 0 are in, as powers of ten; null where there are none. */
export function powersOf(norms: ProfileInfo["norms"]): [number, number] | null {
  const powers = norms
    .filter((norm) => norm !== null && norm > 0)
    .map((norm) => Math.log10(norm as number));
  if (powers.length === 0) return null;
  const low = Math.floor(Math.min(...powers));
  return [low, Math.max(low + 1, Math.ceil(Math.max(...powers)))];
}

/** The norms as bars on a log axis, one per time step; zero and not finite ones leave a gap. */
export function profilePath(norms: ProfileInfo["norms"], width: number, height: number): string {
  const powers = powersOf(norms);
  if (powers === null) return "";
  const [low, high] = powers;
  const shareOf = (norm: number): number => (Math.log10(norm) - low) / (high - low);
  const heights = norms.map((norm) =>
    norm !== null && norm > 0 ? height * (LEAST + (1 - LEAST) * shareOf(norm)) : 0,
  );
  return barsPath(heights, width, height);
}

/** What a profile shows, for screen readers. */
export function profileWords({ title, norms }: ProfileInfo, step: number): string {
  const text = (norm: number | null | undefined): string =>
    norm == null ? "not finite" : formatValue(norm);
  const ends = `${text(norms[0])} at the first, ${text(norms.at(-1))} at the last`;
  return `${title}, step ${formatCount(step)}: ${ends} of ${norms.length} time steps`;
}
