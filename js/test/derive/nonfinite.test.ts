import { expect, test } from "vitest";
import { nonfiniteIn } from "../../src/derive/nonfinite.ts";
import { columnsOf } from "../fakes.ts";

const samples = columnsOf({
  grad_nonfinite: [[1, 0, 0]],
  weight_nonfinite: [[0, 1, 0]],
  act_nonfinite: [[0, 0, 1]],
});

test.each([
  ["grad_rms", [true, false, false]],
  ["update_ratio", [false, true, false]],
  ["weight_norm", [false, true, false]],
  ["act_dead_fraction", [false, false, true]],
  ["act_grad_rms", [false, false, false]],
])("%s is not finite where what it is computed from is not", (metric, expected) => {
  expect([0, 1, 2].map(nonfiniteIn(samples, metric))).toEqual(expected);
});

test("where nothing was counted nothing is known to be not finite", () => {
  expect(nonfiniteIn(columnsOf({ grad_rms: [[1]] }), "grad_rms")(0)).toBe(false);
});
