import { expect, test } from "vitest";
import { usualRange } from "../../src/derive/usual-range.ts";
import { Columns } from "../../src/state/columns.ts";
import { columnsOf } from "../fakes.ts";

test("the usual range leaves out a tenth at either end", () => {
  const values = [50, 3, 8, 1, 6, 2, 9, 4, 7, 5];
  const samples = columnsOf({ grad_rms: values.map((value) => [-1, value]) });
  expect(usualRange(samples, "grad_rms", 1)).toEqual([2, 9]);
});

test("few samples make no range, and missing ones do not count", () => {
  const rows = Array.from({ length: 12 }, (_, i) => [i < 5 ? Number.NaN : i]);
  expect(usualRange(columnsOf({ grad_rms: rows }), "grad_rms", 0)).toBeNull();
  expect(usualRange(columnsOf({ grad_rms: rows.slice(5) }), "grad_rms", 0)).toBeNull();
  expect(usualRange(columnsOf({ grad_rms: [...rows, [12]] }), "grad_rms", 0)).toEqual([5, 12]);
});

test("of many samples only some are used", () => {
  const samples = new Columns(1, 2048);
  for (let step = 0; step < 2000; step++)
    samples.append({ step, values: new Map([["grad_rms", { value: [step] }]]) });
  expect(usualRange(samples, "grad_rms", 0)).toEqual([200, 1790]);
});

test("a metric that was never measured has none", () => {
  expect(usualRange(columnsOf({ grad_rms: [[1]] }), "weight_norm", 0)).toBeNull();
});
