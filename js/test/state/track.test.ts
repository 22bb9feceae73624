import { expect, test } from "vitest";
import { Track } from "../../src/state/track.ts";

/** A track of one layer with these values. */
function trackOf(values: number[]): Track {
  const track = new Track(1, values.length);
  values.forEach((value, column) => {
    track.put(column, [value]);
  });
  return track;
}

test("as long as nothing is merged, the values are their own extremes", () => {
  const track = trackOf([1, 2]);
  expect(track.low).toBe(track.value);
  expect(track.high).toBe(track.value);
});

test("a column that comes with extremes keeps them, and the others have their own values", () => {
  const track = new Track(2, 2);
  track.put(0, [1, 2]);
  track.put(1, [3, 4], [0, 1], [9, 8]);
  expect([...track.low]).toEqual([1, 2, 0, 1]);
  expect([...track.high]).toEqual([1, 2, 9, 8]);
});

test("a merged column has the mean weighted by steps, and the extremes", () => {
  const track = trackOf([1, 4, 10]);
  track.merge(Int32Array.of(0, 0, 1), [3, 1, 1]);
  expect([...track.value.subarray(0, 2)]).toEqual([(3 * 1 + 4) / 4, 10]);
  expect([...track.low.subarray(0, 2)]).toEqual([1, 10]);
  expect([...track.high.subarray(0, 2)]).toEqual([4, 10]);
});

test("layers are merged each by itself, and missing values are left out", () => {
  const track = new Track(2, 2);
  track.put(0, [Number.NaN, Number.NaN]);
  track.put(1, [6, Number.NaN]);
  track.merge(Int32Array.of(0, 0), [1, 1]);
  expect([...track.value.subarray(0, 2)]).toEqual([6, Number.NaN]);
  expect([...track.low.subarray(0, 2)]).toEqual([6, Number.NaN]);
});

test("what is cleared is unmeasured", () => {
  const track = trackOf([1, 2, 3]);
  track.merge(Int32Array.of(0, 0, 1), [1, 1, 1]);
  track.clearFrom(2);
  for (const numbers of [track.value, track.low, track.high]) expect(numbers[2]).toBeNaN();
  expect(track.value[1]).toBe(3);
});
