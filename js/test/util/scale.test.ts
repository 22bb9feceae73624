import { expect, test } from "vitest";
import { LogRange } from "../../src/derive/log-range.ts";
import { place, ticksOf } from "../../src/util/scale.ts";

const decades = { kind: "log", low: 1e-8, high: 1 } as const;

test("a decade takes the same room everywhere on a log axis", () => {
  expect([1e-8, 1e-4, 1].map((value) => place(decades, value))).toEqual([0, 0.5, 1]);
});

test("what lies beyond the axis is held at its end, and what is no number has no place", () => {
  expect(place(decades, 1e9)).toBe(1);
  expect(place(decades, 0)).toBe(0);
  expect(place(decades, Number.NaN)).toBeNaN();
});

test("ticks are powers of ten with room for their labels", () => {
  expect(ticksOf(decades, 250).map((tick) => tick.label)).toEqual([
    "10⁻⁸",
    "10⁻⁶",
    "10⁻⁴",
    "10⁻²",
    "10⁰",
  ]);
  expect(ticksOf(decades, 100).length).toBeLessThanOrEqual(3);
});

test("a share has its ticks in percent", () => {
  expect(ticksOf({ kind: "linear", low: 0, high: 1 }, 250).map((tick) => tick.label)).toEqual([
    "0.0 %",
    "25 %",
    "50 %",
    "75 %",
    "100 %",
  ]);
});

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
