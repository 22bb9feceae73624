import { expect, test } from "vitest";
import { MetricHistory } from "../../src/state/metric-history.ts";

/** A history of one layer with these values. */
function historyOf(values: number[]): MetricHistory {
  const history = new MetricHistory(1, values.length);
  values.forEach((value, column) => {
    history.put(column, [value]);
  });
  return history;
}

test("as long as nothing is merged, the values are their own extremes", () => {
  const history = historyOf([1, 2]);
  expect(history.low).toBe(history.value);
  expect(history.high).toBe(history.value);
});

test("a column that comes with extremes keeps them, and the others have their own values", () => {
  const history = new MetricHistory(2, 2);
  history.put(0, [1, 2]);
  history.put(1, [3, 4], [0, 1], [9, 8]);
  expect([...history.low]).toEqual([1, 2, 0, 1]);
  expect([...history.high]).toEqual([1, 2, 9, 8]);
});

test("a merged column has the mean weighted by steps, and the extremes", () => {
  const history = historyOf([1, 4, 10]);
  history.merge(Int32Array.of(0, 0, 1), [3, 1, 1]);
  expect([...history.value.subarray(0, 2)]).toEqual([(3 * 1 + 4) / 4, 10]);
  expect([...history.low.subarray(0, 2)]).toEqual([1, 10]);
  expect([...history.high.subarray(0, 2)]).toEqual([4, 10]);
});

test("layers are merged each by itself, and missing values are left out", () => {
  const history = new MetricHistory(2, 2);
  history.put(0, [Number.NaN, Number.NaN]);
  history.put(1, [6, Number.NaN]);
  history.merge(Int32Array.of(0, 0), [1, 1]);
  expect([...history.value.subarray(0, 2)]).toEqual([6, Number.NaN]);
  expect([...history.low.subarray(0, 2)]).toEqual([6, Number.NaN]);
});

test("what is cleared is unmeasured", () => {
  const history = historyOf([1, 2, 3]);
  history.merge(Int32Array.of(0, 0, 1), [1, 1, 1]);
  history.clearFrom(2);
  for (const numbers of [history.value, history.low, history.high]) expect(numbers[2]).toBeNaN();
  expect(history.value[1]).toBe(3);
});
