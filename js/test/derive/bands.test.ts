import { expect, test } from "vitest";
import { bandPaths, bandsOf, heightOf, valueTextAt } from "../../src/derive/bands.ts";
import { scalarsOf } from "../fakes.ts";

const axis = { first: 0, last: 2 };

test("losses share a band, then come the norms, then everything else that was logged", () => {
  const scalars = scalarsOf({
    accuracy: [0],
    lr: [0],
    loss: [1],
    total_grad_norm: [1],
    val_loss: [1],
    loss_scale: [1],
  });
  expect(bandsOf(scalars).map(({ names }) => names)).toEqual([
    ["loss", "val_loss"],
    ["total_grad_norm"],
    ["accuracy"],
  ]);
});

test("the norm before clipping has a line of its own only where it differs", () => {
  const norms = (raw: number[]): string[][] =>
    bandsOf(scalarsOf({ total_grad_norm: [1, 2], raw_total_grad_norm: raw })).map(
      ({ names }) => names,
    );
  expect(norms([1, 2])).toEqual([["total_grad_norm"]]);
  expect(norms([1, 5])).toEqual([["total_grad_norm", "raw_total_grad_norm"]]);
});

test("the rates of several optimizers share a band", () => {
  const scalars = scalarsOf({ lr: [0.02], "lr/AdamW": [0.001], "lr/AdamW/2": [0.1], mine: [1] });
  expect(bandsOf(scalars)).toEqual([
    {
      names: ["lr", "lr/AdamW", "lr/AdamW/2"],
      titles: ["learning rate (log)", "AdamW", "AdamW/2"],
      log: true,
    },
    { names: ["mine"], titles: ["mine"], log: false },
  ]);
});

test("a band is high enough for its titles", () => {
  const band = { titles: [], log: false };
  expect(heightOf({ ...band, names: ["a"] })).toBe(38);
  expect(heightOf({ ...band, names: ["a", "b", "c"] })).toBe(48);
});

test("the lines of a band share its height, the greatest value at the top", () => {
  const scalars = scalarsOf({ a: [0, 5, 10], b: [10, 10, 10] });
  const band = { names: ["a", "b"], titles: ["a", "b"], log: false };
  expect(bandPaths(scalars, band, axis, 20, 100)).toEqual([
    "M0 135.0L10 119.0L20 103.0",
    "M0 103.0L10 103.0L20 103.0",
  ]);
});

test("a decade is as high everywhere on a log band, and zero has no place on it", () => {
  const band = { names: ["a"], titles: ["a"], log: true };
  expect(bandPaths(scalarsOf({ a: [1, 10, 100] }), band, axis, 20, 0)).toEqual([
    "M0 35.0L10 19.0L20 3.0",
  ]);
  expect(bandPaths(scalarsOf({ a: [1, 0, 100] }), band, axis, 20, 0)).toEqual(["M0 35.0L20 3.0"]);
});

test("a line that is flat is in the middle", () => {
  const band = { names: ["a"], titles: ["a"], log: false };
  expect(bandPaths(scalarsOf({ a: [7, 7, 7] }), band, axis, 20, 0)).toEqual([
    "M0 19.0L10 19.0L20 19.0",
  ]);
});

test("the newest value is written where there was one", () => {
  const scalars = scalarsOf({ loss: [0.5, Number.NaN, Number.POSITIVE_INFINITY] });
  expect([0, 1, 2, -1].map((column) => valueTextAt(scalars, "loss", column))).toEqual([
    "0.500",
    "0.500",
    "not finite",
    "",
  ]);
  expect(valueTextAt(scalars, "accuracy", 0)).toBe("");
});
