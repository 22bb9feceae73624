import { expect, test } from "vitest";
import { placeStep, stepAt, timeAxisOf } from "../../src/derive/time-axis.ts";
import { columnsOf } from "../fakes.ts";

test("the axis goes from the first step to the newest", () => {
  const columns = columnsOf({ loss: [[1], [1], [1]] }, [100, 150, 300]);
  expect(timeAxisOf(columns)).toEqual({ first: 100, last: 300 });
});

test("with one step or none it is one step long", () => {
  expect(timeAxisOf(columnsOf({ loss: [[1]] }, [100]))).toEqual({ first: 100, last: 101 });
  expect(timeAxisOf(columnsOf({}))).toEqual({ first: 0, last: 1 });
});

test("a place on the axis and its step belong together, and the axis ends at both ends", () => {
  const axis = { first: 100, last: 300 };
  expect([100, 150, 300].map((step) => placeStep(axis, step))).toEqual([0, 0.25, 1]);
  expect([-1, 0, 0.25, 0.2512, 1, 2].map((place) => stepAt(axis, place))).toEqual([
    100, 100, 150, 150, 300, 300,
  ]);
});
