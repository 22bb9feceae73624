import { expect, test } from "vitest";
import { Columns } from "../../src/state/columns.ts";

function filled(steps: number, value: (step: number) => number, capacity = 64): Columns {
  const columns = new Columns(1, capacity);
  for (let step = 0; step < steps; step++)
    columns.append({ step, values: new Map([["loss", { value: [value(step)] }]]) });
  return columns;
}

test("columns are bounded however long the run", () => {
  const columns = filled(100_000, (step) => step);
  expect(columns.count).toBeLessThanOrEqual(64);
  expect(columns.count).toBeGreaterThan(32);
});

test("steps rise from the first of the run to the newest", () => {
  const { steps, count } = filled(5000, () => 1);
  const kept = [...steps.subarray(0, count)];
  expect(kept[0]).toBe(0);
  expect(kept.at(-1)).toBe(4999);
  expect(kept).toEqual([...kept].sort((a, b) => a - b));
});

test("the newest half of the columns is one step each", () => {
  const { steps, count } = filled(5000, () => 1);
  expect([...steps.subarray(count - 30, count)]).toEqual(
    Array.from({ length: 30 }, (_, i) => 4970 + i),
  );
});

test("old columns are equally long, or at most twice as long as others", () => {
  const { steps } = filled(5000, () => 1);
  const spans = Array.from(
    { length: 10 },
    (_, i) => (steps[i + 1] as number) - (steps[i] as number),
  );
  expect(Math.max(...spans)).toBeLessThanOrEqual(4 * Math.min(...spans));
});

test("a spike is never averaged away", () => {
  const history = filled(5000, (step) => (step === 777 ? 1e6 : 1)).history("loss");
  expect(Math.max(...(history?.high ?? []).filter((value) => !Number.isNaN(value)))).toBe(1e6);
});

test("the mean of a merged column is that of its steps", () => {
  const columns = filled(5000, (step) => step);
  const mean = columns.history("loss")?.value[0] as number;
  expect(mean).toBeCloseTo(((columns.steps[1] as number) - 1) / 2, 0);
});

test("a step is found in the column that covers it", () => {
  const columns = new Columns(1, 8);
  for (const step of [3, 10, 20]) columns.append({ step, values: new Map() });
  expect([2, 3, 9, 10, 25].map((step) => columns.at(step))).toEqual([-1, 0, 0, 1, 2]);
});

test("a metric that begins late is unmeasured before", () => {
  const columns = filled(3, () => 1);
  columns.append({ step: 3, values: new Map([["lr", { value: [0.1] }]]) });
  expect([...(columns.history("lr")?.value.subarray(0, 4) ?? [])]).toEqual([
    Number.NaN,
    Number.NaN,
    Number.NaN,
    Math.fround(0.1),
  ]);
});

test("a missing value is left out where columns are merged", () => {
  const history = filled(5000, (step) => (step % 2 ? Number.NaN : 5)).history("loss");
  expect(history?.value[0]).toBe(5);
  expect(history?.low[0]).toBe(5);
});
