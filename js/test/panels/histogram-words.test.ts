import { expect, test } from "vitest";
import {
  binsPath,
  entryWords,
  heightOf,
  histogramWords,
  topPower,
  zeroWords,
} from "../../src/panels/histogram-words.ts";
import type { HistogramInfo } from "../../src/protocol/messages.gen.ts";

const histogram: HistogramInfo = {
  step: 1240,
  axis: "linear",
  edges: [-2, -1, 0, 1, 2],
  counts: [0, 100, 1, 10],
  counted: 111,
  total: 2000,
  zeros: 240,
  nans: 0,
  infinities: 0,
  low: -0.5,
  high: 2,
  note: "",
};

test("counts stand on a log axis that ends at a power of ten, and a single entry is seen", () => {
  expect(topPower(histogram.counts)).toBe(2);
  expect(topPower([0, 0])).toBe(1);
  expect(heightOf(0, 2)).toBe(0);
  expect(heightOf(100, 2)).toBe(1);
  expect(heightOf(10, 2) - heightOf(1, 2)).toBeCloseTo(heightOf(100, 2) - heightOf(10, 2));
  expect(heightOf(1, 2)).toBeGreaterThan(0.1);
});

test("every bin that has entries is a bar in its place", () => {
  const path = binsPath(histogram.counts, 40, 60);
  expect(path.match(/M[\d.]+ 60/g)).toEqual(["M10.00 60", "M20.00 60", "M30.00 60"]);
  expect(path).toContain("M10.00 60v-60.00");
});

test("a histogram is told in words with its extremes, zeros and what is not finite", () => {
  expect(histogramWords("gradient", histogram)).toBe(
    "gradient, step 1,240: 2,000 entries from −0.500 to 2.00, 12% zeros, none NaN or infinite",
  );
  const sick = {
    ...histogram,
    step: null,
    low: null,
    high: null,
    zeros: 0,
    nans: 3,
    infinities: 1,
  };
  expect(histogramWords("weight", sick)).toBe(
    "weight, before the first step: 2,000 entries none finite, no zeros, 3 NaN, 1 infinite",
  );
  expect(zeroWords({ ...histogram, zeros: 1 })).toBe("1 zero");
});

test("an entry is written as in code", () => {
  expect(entryWords({ parameter: "weight", index: [3, 17], value: -21000 })).toBe(
    "weight[3, 17] = −21,000",
  );
  expect(entryWords({ parameter: "bias", index: [], value: "NaN" })).toBe("bias = NaN");
  expect(entryWords({ parameter: "bias", index: [2], value: "-Infinity" })).toBe("bias[2] = −∞");
});
