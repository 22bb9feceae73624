import { beforeEach, expect, test, vi } from "vitest";
import { AxisRanges } from "../../src/derive/axis-ranges.ts";
import type { MetricInfo } from "../../src/protocol/messages.gen.ts";
import { Store } from "../../src/state/store.ts";
import { columnsOf } from "../fakes.ts";

let now = 0;

beforeEach(() => {
  now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
});

function metricOf(scale: MetricInfo["scale"], name = "m"): MetricInfo {
  return { name, title: name, scale, bounds: [] };
}

function storeWith(values: number[]): Store {
  const store = new Store("Net");
  store.samples = columnsOf({ m: values.map((value) => [value]) });
  return store;
}

test("a share and a flag have the whole axis, whatever is shown", () => {
  for (const scale of ["share", "flag"] as const) {
    expect(new AxisRanges().bars(metricOf(scale), [0.01])).toEqual({
      kind: "linear",
      low: 0,
      high: 1,
    });
  }
});

test("a count has an axis up to the next power of ten, whatever is infinite or missing", () => {
  const values = [3, 250, Number.POSITIVE_INFINITY, Number.NaN];
  expect(new AxisRanges().bars(metricOf("count"), values)).toMatchObject({ low: 0, high: 1000 });
});

test("each metric keeps its own log axis", () => {
  const ranges = new AxisRanges();
  const first = ranges.bars(metricOf("log", "a"), [1e-9, 1]);
  ranges.bars(metricOf("log", "b"), [1, 100]);
  expect(ranges.bars(metricOf("log", "a"), [1e-3])).toEqual(first);
});

test("the color scale covers the finite extremes of the whole history, without spare room", () => {
  const store = storeWith([2e-6, 0, Number.NaN, Number.POSITIVE_INFINITY, 100]);
  const { low, high } = new AxisRanges().heatmap(metricOf("log"), store);
  expect([low, high].map(Math.log10)).toEqual([-6, 2]);
});

test("the color scale is reused for a second, and until there is a new message", () => {
  const ranges = new AxisRanges();
  const store = storeWith([2e-6, 1]);
  const first = ranges.heatmap(metricOf("log"), store);
  store.samples = columnsOf({ m: [[2e-12], [1]] });
  store.version++;
  now = 999;
  expect(ranges.heatmap(metricOf("log"), store)).toBe(first);
  now = 1000;
  expect(ranges.heatmap(metricOf("log"), store).low).toBeCloseTo(1e-12, 20);
  const second = ranges.heatmap(metricOf("log"), store);
  now = 9000;
  expect(ranges.heatmap(metricOf("log"), store)).toBe(second);
});
