import { expect, test } from "vitest";
import { fillRow, pixelColumns } from "../../src/derive/heatmap-cells.ts";
import type { Columns } from "../../src/state/columns.ts";
import { columnsOf } from "../fakes.ts";

function drawn(
  columns: Columns,
  layers: number[],
  last: number,
  width: number,
  log = true,
): number[] {
  const into = new Float32Array(width);
  fillRow(into, columns, "m", layers, pixelColumns(columns, { first: 0, last }, width), log);
  return [...into].map((value) => Number(value.toFixed(3)));
}

test("each pixel shows the column that falls on it", () => {
  expect(drawn(columnsOf({ m: [[1], [10], [100], [1000]] }), [0], 4, 4)).toEqual([0, 1, 2, 3]);
});

test("between two samples the earlier one is shown", () => {
  expect(drawn(columnsOf({ m: [[10], [100]] }, [0, 4]), [0], 8, 4)).toEqual([1, 1, 2, 2]);
});

test("columns that share a pixel are averaged", () => {
  expect(drawn(columnsOf({ m: [[10], [20], [10], [20]] }), [0], 4, 1)).toEqual([1.151]);
});

test("a spike or a dip among them is shown as it was", () => {
  expect(drawn(columnsOf({ m: [[1], [1], [1e6], [1]] }), [0], 4, 1)).toEqual([6]);
  expect(drawn(columnsOf({ m: [[1], [1], [1e-6], [1]] }), [0], 4, 1)).toEqual([-6]);
});

test("what was not measured stays empty", () => {
  expect(drawn(columnsOf({ m: [[Number.NaN], [10]] }, [0, 2]), [0], 4, 2)).toEqual([Number.NaN, 1]);
});

test("a group shows the mean of its layers", () => {
  expect(drawn(columnsOf({ m: [[1, 100, 1]] }), [0, 1], 1, 1)).toEqual([1]);
});
