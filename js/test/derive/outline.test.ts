import { expect, test } from "vitest";
import { fittedHeight, outline } from "../../src/derive/outline.ts";
import { columnsOf, scalarsOf } from "../fakes.ts";

const same = (value: number): number => value;

test("a scalar is drawn from step to step", () => {
  expect(outline(scalarsOf({ loss: [1, 2, 3] }), "loss", { first: 0, last: 2 }, 20, same)).toBe(
    "M0 1.0L10 2.0L20 3.0",
  );
});

test("what shares a pixel is drawn from its lowest to its highest value", () => {
  expect(
    outline(scalarsOf({ loss: [5, 9, 1, 5] }), "loss", { first: 0, last: 300 }, 10, same),
  ).toBe("M0 9.0L0 1.0");
});

test("steps without a value are left out", () => {
  expect(
    outline(scalarsOf({ loss: [1, Number.NaN, 3] }), "loss", { first: 0, last: 2 }, 20, same),
  ).toBe("M0 1.0L20 3.0");
});

test("a scalar that was never logged has no line", () => {
  expect(outline(scalarsOf({ loss: [1] }), "val_loss", { first: 0, last: 1 }, 20, same)).toBe("");
});

test("of many layers the one asked for is drawn", () => {
  const columns = columnsOf({
    grad_rms: [
      [1, 7],
      [2, 8],
    ],
  });
  expect(outline(columns, "grad_rms", { first: 0, last: 1 }, 10, same, 1)).toBe("M0 7.0L10 8.0");
});

test("heights reach from the least value of all statistics to the greatest", () => {
  const height = fittedHeight(scalarsOf({ a: [2, 3], b: [1, 5] }), ["a", "b"], false, 10, 50);
  expect([5, 3, 1, Number.NaN, Number.POSITIVE_INFINITY].map(height)).toEqual([
    10,
    30,
    50,
    Number.NaN,
    Number.NaN,
  ]);
});
