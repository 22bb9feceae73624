import { expect, test } from "vitest";
import { place, ticksOf } from "../../src/util/scale.ts";

const decades = { kind: "log", low: 1e-8, high: 1 } as const;

test("a decade takes the same room everywhere on a log axis", () => {
  expect([1e-8, 1e-4, 1].map((value) => place(decades, value))).toEqual([0, 0.5, 1]);
});

test("what is beyond the axis stays at its end, and what is no number has no place", () => {
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
    "0.0%",
    "25%",
    "50%",
    "75%",
    "100%",
  ]);
});
