// @vitest-environment jsdom
import { expect, test } from "vitest";
import type { TableRow } from "../../src/derive/table.ts";
import { BarValues } from "../../src/picture/bar-values.ts";

const METRIC = { name: "grad_rms", title: "gradient RMS", scale: "log" as const, bounds: [] };
const SCALE = { kind: "log" as const, low: 1e-4, high: 1 };

/** The lines of some values, or none where they are hidden. */
function linesOf(values: number[], width = 200, covered = -1, usualTo?: number): HTMLElement[] {
  const shown = new BarValues();
  const rows = values.map((value) => ({ value }) as TableRow);
  const end = (): number | null => usualTo ?? null;
  shown.update(rows, METRIC, SCALE, { width, height: 100 }, end, covered);
  return shown.node.hidden ? [] : ([...shown.node.children] as HTMLElement[]);
}

test("each bar has its value at its end, on the bar where there is no room behind it", () => {
  const [middle, full] = linesOf([1e-2, 0.9]);
  expect(middle?.textContent).toBe("0.0100");
  expect(middle?.style.getPropertyValue("--gw-end")).toBe("50.0%");
  expect(middle?.classList.contains("gw-inside")).toBe(false);
  expect(full?.classList.contains("gw-inside")).toBe(true);
});

test("a value stands behind the usual range, or on its bar where that leaves no room", () => {
  const [behind] = linesOf([1e-3], 200, -1, 1e-2);
  expect(behind?.style.getPropertyValue("--gw-end")).toBe("50.0%");
  const [onBar] = linesOf([1e-2], 200, -1, 0.9);
  expect(onBar?.classList.contains("gw-inside")).toBe(true);
  expect(onBar?.style.getPropertyValue("--gw-end")).toBe("50.0%");
});

test("what was not measured or is not finite, and what is covered, has none", () => {
  const texts = linesOf([Number.NaN, Number.POSITIVE_INFINITY, 1, 1], 200, 2);
  expect(texts.map(({ textContent }) => textContent)).toEqual(["", "", "", "1.00"]);
});

test("where rows are many or bars are short there are no values", () => {
  expect(linesOf(Array.from({ length: 31 }, () => 1))).toEqual([]);
  expect(linesOf([1], 120)).toEqual([]);
});
