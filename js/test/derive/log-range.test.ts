import { expect, test } from "vitest";
import { LogRange } from "../../src/derive/log-range.ts";

test("the axis stays where it is while values move within it", () => {
  const range = new LogRange();
  const first = range.update([3e-6, 2e-2]);
  for (let tick = 0; tick < 50; tick++)
    expect(range.update([3e-6 * 1.05 ** tick, 2e-2])).toEqual(first);
});

test("it grows by whole decades at once when a value would fall off", () => {
  const range = new LogRange();
  range.update([1e-3, 1e-1]);
  expect(range.update([1e-9, 1e4]).low).toBeCloseTo(1e-10, 15);
  expect(range.scale.high).toBeGreaterThanOrEqual(1e4);
});

test("it shrinks only after many idle updates, a decade at a time", () => {
  const range = new LogRange();
  range.update([1e-12, 1]);
  const widest = range.scale.low;
  for (let tick = 0; tick < 40; tick++) range.update([1e-3, 1]);
  expect(range.scale.low).toBe(widest);
  for (let tick = 0; tick < 30; tick++) range.update([1e-3, 1]);
  expect(range.scale.low / widest).toBeCloseTo(10);
});

test("zeros, NaN and infinities do not move it", () => {
  const range = new LogRange();
  const before = range.update([1e-3, 1e-1]);
  expect(range.update([0, Number.NaN, Number.POSITIVE_INFINITY])).toEqual(before);
});
