// @vitest-environment jsdom
import { expect, test } from "vitest";
import type { Table, TableRow } from "../../src/derive/table.ts";
import { Legend } from "../../src/picture/legend.ts";

const METRIC = { name: "grad_rms", title: "gradient RMS", scale: "log" as const, bounds: [] };

/** All that a legend says in sight. */
function said(table: Partial<Table>, newest: number | null, hasUsual = false): string {
  const legend = new Legend();
  legend.update({ rows: [], metric: METRIC, bounds: [], step: 12, ...table }, newest, hasUsual);
  for (const hidden of legend.node.querySelectorAll("[hidden]")) hidden.remove();
  return legend.node.textContent ?? "";
}

test("it says of which step the bars are, and how long ago that was", () => {
  expect(said({}, 12)).toBe("bars: step 12");
  expect(said({}, 13)).toBe("bars: step 12, a step ago");
  expect(said({}, 1312)).toBe("bars: step 12, 1,300 steps ago");
  expect(said({ step: null }, null)).toBe("");
});

test("lines and groups are explained where there are any", () => {
  const bounds = [{ value: 1, of: "itself" as const, state: "dead", means: "" }];
  expect(said({ bounds }, 12, true)).toBe("bars: step 12limitusual range");
  const rows = [{ open: false } as TableRow];
  expect(said({ rows }, 12)).toBe("bars: step 12a group: the mean of its layers");
});
