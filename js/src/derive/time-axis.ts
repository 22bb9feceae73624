import type { Columns } from "../state/columns.ts";

/** The steps that the time axis of heatmap and timeline covers. */
export interface TimeAxis {
  first: number;
  last: number;
}

/** The axis over all columns, at least one step long. */
export function timeAxisOf(columns: Columns): TimeAxis {
  const first = columns.steps[0] ?? 0;
  const last = columns.count === 0 ? 0 : (columns.steps[columns.count - 1] as number);
  return { first, last: Math.max(last, first + 1) };
}

/** Where a step is on the axis, 0 at its beginning and 1 at its end. */
export function placeStep({ first, last }: TimeAxis, step: number): number {
  return (step - first) / (last - first);
}

/** The step at a place of the axis. */
export function stepAt({ first, last }: TimeAxis, place: number): number {
  return Math.round(first + Math.min(1, Math.max(0, place)) * (last - first));
}
