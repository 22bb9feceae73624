import { expect, test } from "vitest";
import { valuesAt } from "../../src/derive/values-at.ts";
import { Columns } from "../../src/state/columns.ts";
import { columnsOf } from "../fakes.ts";

const missing = Number.NaN;

test("a column has its values and their step", () => {
  const samples = columnsOf(
    {
      grad_rms: [
        [1, 2],
        [3, 4],
      ],
    },
    [10, 20],
  );
  expect(valuesAt(samples, "grad_rms", 0)).toEqual({
    values: Float64Array.of(1, 2),
    steps: Float64Array.of(10, 10),
  });
});

test("a layer that a sample lacks shows its last value with the step of that", () => {
  const samples = columnsOf(
    {
      grad_rms: [
        [1, 2],
        [missing, 4],
      ],
    },
    [10, 20],
  );
  const { values, steps } = valuesAt(samples, "grad_rms", 1);
  expect([...values]).toEqual([1, 4]);
  expect([...steps]).toEqual([10, 20]);
});

test("a value is not looked for further back than 64 columns", () => {
  const samples = new Columns(1, 256);
  for (let step = 0; step < 100; step++)
    samples.append({ step, values: new Map([["grad_rms", { value: [step ? missing : 5] }]]) });
  expect(valuesAt(samples, "grad_rms", 63).values[0]).toBe(5);
  expect(valuesAt(samples, "grad_rms", 64).values[0]).toBeNaN();
});

test("a value that was not finite is infinite, whatever was measured before", () => {
  const samples = columnsOf({ grad_rms: [[1], [missing]], grad_nonfinite: [[0], [3]] });
  expect(valuesAt(samples, "grad_rms", 1).values[0]).toBe(Number.POSITIVE_INFINITY);
});

test("before the first column, and of an unknown metric, there are no values", () => {
  const samples = columnsOf({ grad_rms: [[1]] });
  expect(valuesAt(samples, "grad_rms", -1).values[0]).toBeNaN();
  expect(valuesAt(samples, "no such metric", 0).steps[0]).toBeNaN();
});
