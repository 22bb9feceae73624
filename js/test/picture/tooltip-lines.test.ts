import { expect, test } from "vitest";
import type { Table, TableRow } from "../../src/derive/table.ts";
import { metricText, tooltipLines } from "../../src/picture/tooltip-lines.ts";
import { Store } from "../../src/state/store.ts";
import { findingOf } from "../fakes.ts";

const row: TableRow = {
  key: "a",
  label: "a",
  name: "a",
  colorState: "vanishing",
  dimmed: false,
  depth: 0,
  layers: [0],
  summary: "Linear 2×2",
  state: "vanishing",
  value: 1e-6,
  step: 1240,
};
const table: Table = {
  rows: [row],
  metric: { name: "grad_rms", title: "gradient RMS", scale: "log", bounds: [] },
  bounds: [{ value: 1e-3, of: "itself", state: "vanishing", means: "vanishing below" }],
  step: 1240,
};

function store(): Store {
  const made = new Store("Net");
  const rest = { kind: "Linear", summary: "", parameters: 1, shapes: [], activation: null };
  made.layers = ["a", "b"].map((name) => ({ name, ...rest }));
  made.reasons = new Map([["a", "It is compiled."]]);
  made.findings = [
    findingOf({ title: "Over", active: false }),
    findingOf({ title: "Elsewhere", active: true, layers: ["b"] }),
    findingOf({ title: "Vanishing gradients", active: true, first_step: 1200 }),
  ];
  return made;
}

test("everything that is known of a row is in its tooltip", () => {
  expect(tooltipLines(row, table, store(), [1e-7, 0.5], null)).toEqual([
    "a · Linear 2×2",
    "▼ vanishing",
    "gradient RMS 1.0×10⁻⁶ at step 1,240",
    "usually 1.0×10⁻⁷ … 0.500",
    "┊ limit 0.001: vanishing below",
    "It is compiled.",
    "Vanishing gradients since step 1,200",
  ]);
});

test("a step of the past has no reasons, and a row without samples no usual range", () => {
  const lines = tooltipLines(row, table, store(), null, 100);
  expect(lines.some((line) => line.startsWith("usually"))).toBe(false);
  expect(lines).not.toContain("It is compiled.");
});

test("a value that is missing or not finite is said so, and a share is a percentage", () => {
  const share = { ...table.metric, title: "dead units", scale: "share" as const };
  expect(metricText(table.metric, Number.NaN)).toBe("gradient RMS not measured");
  expect(metricText(table.metric, Number.POSITIVE_INFINITY)).toBe("gradient RMS not finite");
  expect(metricText(share, 0.25)).toBe("dead units 25%");
});
