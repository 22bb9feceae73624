import type { ProfileInfo } from "../protocol/messages.gen.ts";
import { formatCount, formatFigure } from "../util/format.ts";
import { barsPath } from "../util/svg.ts";

/** Lowest and highest norm above 0 as powers of ten, at least one apart; null where there is none. */
export function powersOf(norms: ProfileInfo["norms"]): [number, number] | null {
  const powers = norms
    .filter((norm) => norm !== null && norm > 0)
    .map((norm) => Math.log10(norm as number));
  if (powers.length === 0) return null;
  const low = Math.floor(Math.min(...powers));
  return [low, Math.max(low + 1, Math.ceil(Math.max(...powers)))];
}

/** The norms as bars on a log axis, one a time step; zero and what is not finite leave a gap. */
export function profilePath(norms: ProfileInfo["norms"], width: number, height: number): string {
  const powers = powersOf(norms);
  if (powers === null) return "";
  const [low, high] = powers;
  // The least one is seen as well.
  const heightOf = (norm: number): number =>
    height * (0.04 + (0.96 * (Math.log10(norm) - low)) / (high - low));
  const heights = norms.map((norm) => (norm !== null && norm > 0 ? heightOf(norm) : 0));
  return barsPath(heights, width, height);
}

/** What a profile shows, for those who do not see it. */
export function profileWords({ title, norms }: ProfileInfo, step: number): string {
  const figure = (norm: number | null | undefined): string =>
    norm == null ? "not finite" : formatFigure(norm);
  const [first, last] = [figure(norms[0]), figure(norms.at(-1))];
  return `${title}, step ${formatCount(step)}: ${first} at the first, ${last} at the last of ${norms.length} time steps`;
}
