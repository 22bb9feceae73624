// @vitest-environment jsdom
import { expect, test } from "vitest";
import type { TableRow } from "../../src/derive/table.ts";
import { ValueColumn } from "../../src/picture/value-column.ts";

const METRIC = { name: "grad_rms", title: "gradient RMS", scale: "log" as const, bounds: [] };

function updated(values: number[]): { isShown: boolean; texts: (string | null)[] } {
  const shown = new ValueColumn();
  const rows = values.map((value) => ({ value }) as TableRow);
  const isShown = shown.update(rows, METRIC);
  return { isShown, texts: [...shown.node.children].map(({ textContent }) => textContent) };
}

test("each row has its value, but for what was not measured or is not finite", () => {
  const { isShown, texts } = updated([1e-2, Number.NaN, Number.POSITIVE_INFINITY, 1]);
  expect(isShown).toBe(true);
  expect(texts).toEqual(["0.0100", "", "", "1.00"]);
});

test("where rows are many there are no values", () => {
  expect(updated(Array.from({ length: 30 }, () => 1)).isShown).toBe(true);
  expect(updated(Array.from({ length: 31 }, () => 1)).isShown).toBe(false);
});
