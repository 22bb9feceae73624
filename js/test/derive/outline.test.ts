import { expect, test } from "vitest";
import { outline } from "../../src/derive/outline.ts";
import { Columns } from "../../src/state/columns.ts";

function columnsOf(values: number[]): Columns {
  const columns = new Columns(1, 64);
  values.forEach((value, step) => {
    columns.append({ step, values: new Map([["loss", { value: [value] }]]) });
  });
  return columns;
}

const same = (value: number): number => value;

test("a figure is drawn from step to step", () => {
  expect(outline(columnsOf([1, 2, 3]), "loss", { first: 0, last: 2 }, 20, same)).toBe(
    "M0 1.0L10 2.0L20 3.0",
  );
});

test("what shares a pixel is drawn from its lowest to its highest value", () => {
  expect(outline(columnsOf([5, 9, 1, 5]), "loss", { first: 0, last: 300 }, 10, same)).toBe(
    "M0 9.0L0 1.0",
  );
});

test("steps without the figure are passed over", () => {
  expect(outline(columnsOf([1, Number.NaN, 3]), "loss", { first: 0, last: 2 }, 20, same)).toBe(
    "M0 1.0L20 3.0",
  );
});

test("a figure that was never logged has no line", () => {
  expect(outline(columnsOf([1]), "val_loss", { first: 0, last: 1 }, 20, same)).toBe("");
});
