import type { Columns } from "../state/columns.ts";

/** The steps that the time axis of heatmap and timeline covers. */
export interface Span {
  first: number;
  last: number;
}

export function spanOf(columns: Columns): Span {
  const first = columns.steps[0] ?? 0;
  const last = columns.count === 0 ? 0 : (columns.steps[columns.count - 1] as number);
  return { first, last: Math.max(last, first + 1) };
}

/** Where a step lies on the axis, 0 at its beginning and 1 at its end. */
export function placeStep({ first, last }: Span, step: number): number {
  return (step - first) / (last - first);
}

/** The step at a place of the axis. */
export function stepAt({ first, last }: Span, place: number): number {
  return Math.round(first + Math.min(1, Math.max(0, place)) * (last - first));
}
